// A customer's own basket, taken over into the sale at hand.
//
// The counter says what is in it, and takes out what was sold when the sale names it. Here is only how much of it the
// sale has taken, so that pressing twice takes nothing twice, and what came into it meanwhile is taken alone.

import { Away, ask, name } from "./till-line.js";

// So many codes one sale shows (counter/offers/contracts.py).
const CODES_MAX = 10;

// What a code or a number shows: what the counter says of the basket, or the name of what is wrong.
export async function read(code, settings) {
  const { status, said } = await ask("basket", { source: settings.source, code }, settings);
  if (status === 429) throw new Away();
  return status === 200 ? { code, said } : { code, trouble: name(said), text: said.detail || said.title };
}

// A sale takes out of one basket, or of everything that one customer has claimed.
export const isAnother = (sale, { said }) => Boolean(sale.basket) && sale.basket.id !== said.basket
  && !(said.customer && said.customer === sale.basket.customer);

// What is in it beyond what the sale has taken of it.
export function beyond(sale, { said }) {
  const taken = sale.basket?.taken ?? {};
  return said.quote.lines
    .map((line) => ({ line, more: line.quantity - (taken[line.product] ?? 0) }))
    .filter(({ more }) => more > 0);
}

// Which of its coupons the sale does not show yet: passes, which stand for their codes at the counter.
export const coupons = (sale, { said }) => (said.passes ?? [])
  .filter((each) => !sale.codes.includes(each) && !sale.basket?.left?.includes(each));

// Take its coupons over, those that staff took out of the sale left aside. Returns how many came.
export function takeCoupons(sale, found) {
  const coming = coupons(sale, found).slice(0, Math.max(0, CODES_MAX - sale.codes.length));
  sale.codes.push(...coming);
  // Those of before stay theirs, also when the phone shows them no more.
  sale.basket = { ...sale.basket, passes: [...new Set([...sale.basket?.passes ?? [], ...found.said.passes ?? []])] };
  return coming.length;
}

// A coupon is taken out of the sale again: what came from the phone does not come a second time.
export function leave(sale, code) {
  sale.codes = sale.codes.filter((each) => each !== code);
  if (isTheirs(sale, code)) sale.basket.left = [...(sale.basket.left ?? []), code];
}

export const isTheirs = (sale, code) => Boolean(sale.basket?.passes?.includes(code));

// Take it over: beside what was scanned, and the same article in one line. Returns how many pieces came.
export function takeOver(sale, found, spoken) {
  const basket = sale.basket ?? { id: found.said.basket, customer: found.said.customer ?? null, taken: {} };
  let pieces = 0;
  for (const { line, more } of beyond(sale, found)) {
    const there = sale.lines.find((each) => each.sku === line.product && each.price === line.unit);
    if (there) there.quantity += more;
    else {
      sale.lines.push({
        sku: line.product, gtin: line.gtin ?? null, category: line.category ?? null, price: line.unit, quantity: more,
        rate: line.tax_rate ?? null, on_top: line.tax_on_top ?? false,
        name: [spoken(line.name) || line.product, ...Object.values(line.options ?? {})].join(", "),
      });
    }
    basket.taken[line.product] = line.quantity;
    pieces += more;
  }
  sale.basket = basket;
  return pieces;
}
