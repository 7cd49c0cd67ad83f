// The tax of a sale, as the basket's page and the checkout reckon it (counter/taxes/rules.py): each rate's tax is rounded
// once, over everything under that rate. Of prices that include it, it is a part; on the others it comes on top.
//
// A line says its rate in thousandths of a percent, and whether its tax comes on top; without a rate nobody knows.

import { BODY } from "./till-page.js";

const WHOLE = 100_000n;

function rounded(over, under) {
  return BODY.rounding === "down" ? over / under : (2n * over + under) / (2n * under);
}

// Of what is paid for each line: the tax by rate, the highest first, and what comes on top of all of it.
export function settle(lines) {
  const rates = new Map();
  for (const { amount, rate, isOnTop } of lines) {
    if (!BODY.rounding || rate === undefined || rate === null) continue;
    const sums = rates.get(rate) ?? { inside: 0n, outside: 0n, hasOutside: false };
    if (isOnTop) Object.assign(sums, { outside: sums.outside + BigInt(amount), hasOutside: true });
    else sums.inside += BigInt(amount);
    rates.set(rate, sums);
  }
  const found = { taxes: [], added: 0 };
  for (const [number, { inside, outside, hasOutside }] of [...rates].sort(([one], [other]) => other - one)) {
    const rate = BigInt(number);
    const tax = rounded(inside * rate * WHOLE + outside * rate * (WHOLE + rate), WHOLE * (WHOLE + rate));
    const part = rounded(inside * rate, WHOLE + rate);
    const included = !hasOutside || part > tax ? tax : part;
    found.added += Number(tax - included);
    found.taxes.push({ percent: percent(number), net: Number(inside + outside - included), tax: Number(tax) });
  }
  return found;
}

// 20, 5.5: with no more digits than it has.
export const percent = (rate) => String(rate / 1000);
