// Gift cards at the till: sold, under a new code or that of a blank; and taken as money for goods, in part or in whole.
//
// Both need the line: what a card is worth is the counter's to say. A card that is sold is issued when its money is
// there, and before the sale is closed; whatever it is asked under is kept first, so it is issued once, and stopped when
// nothing comes of the sale. A card that pays is held until then, and its code is kept nowhere; the code of one that was
// sold is kept until its slip is out of sight, since nothing else shows it.

import { Away, ask, name, tell, worded } from "./till-line.js";
import { at, element, minor, money, say } from "./till-page.js";
import { event, goodsDue, keep, number } from "./till-sale.js";

const AMOUNT_MAX = 10 ** 9;
// So long a card can be held; a till may be without a line for that long before it tells of the sale.
const HOLD_SECONDS = 7 * 86_400;
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARACTERS = 20;
// x^5 + x^2 + 1, as in counter/giftcards/codes.py.
const [POLYNOMIAL, HIGHEST] = [0b100101, 0b100000];
const WORDS = {
  gift_card_unusable: "gift_unusable", gift_card_insufficient: "gift_empty", gift_card_taken: "gift_taken",
};

export const normal = (text) => text.toUpperCase().replace(/[\s\-\u2010-\u2015_.]+/g, "")
  .replaceAll("O", "0").replaceAll("I", "1").replaceAll("L", "1");

// Whether a code fits its check character (H. M. Damm, 2004): a slip is told without asking, and costs no try.
export function isWellTyped(text) {
  const code = normal(text);
  let interim = 0;
  for (const each of code) {
    const value = ALPHABET.indexOf(each);
    if (value < 0) return false;
    interim <<= 1;
    interim = (interim & HIGHEST ? interim ^ POLYNOMIAL : interim) ^ value;
  }
  return code.length === CHARACTERS && interim === 0;
}

const refusal = (problem) => (WORDS[name(problem)] && say(WORDS[name(problem)])) || worded(problem);

// -- sold

// A card of the sale, which is issued when it is paid; returns what is wrong with what was typed, or nothing.
export function add(sale, { amount, code }) {
  const worth = minor(amount);
  if (!(worth > 0 && worth <= AMOUNT_MAX)) return say("gift_amount");
  if (code && !isWellTyped(code)) return say("gift_slip");
  if (code && sale.cards.some((each) => each.code && normal(each.code) === normal(code))) return say("gift_twice");
  sale.cards.push({ amount: worth, code: code || null, isBlank: Boolean(code), asked: null, isIssued: false, number: null });
  return "";
}

// The cards of the sale as rows of its table.
export function rows(sale, take) {
  return sale.cards.map((each, index) => {
    const row = element("tr");
    const out = element("button", "×", { type: "button", className: "button text", disabled: sale.isPaying });
    out.setAttribute("aria-label", `${say("take_out")}: ${say("gift_card")}`);
    out.addEventListener("click", () => take(index));
    const last = element("td");
    last.append(out);
    row.append(element("td", say("gift_card")), element("td", "1", { className: "number" }),
      element("td", money(each.amount), { className: "number" }), last);
    return row;
  });
}

// Issue what is sold, each card once; returns why one is refused, or nothing. Throws Away without a line.
let issuing = null;
export function issue(sale, settings) {
  issuing ??= issueEach(sale, settings).finally(() => { issuing = null; });
  return issuing;
}

async function issueEach(sale, settings) {
  for (const each of sale.cards.filter((one) => !one.isIssued)) {
    if (!each.code) {
      const { status, said } = await ask("blank", { source: settings.source }, settings);
      if (status !== 200) return refusal(said);
      each.code = said.code;
    }
    if (!each.asked) {
      await number(sale, settings);
      each.asked = event("gift_card.issue", {
        code: each.code, currency: settings.currency, amount: each.amount, receipt: sale.receipt,
      }, settings);
      await keep(sale); // whatever becomes of the answer, the same card is asked for again
    }
    const outcome = await tell(each.asked, settings);
    if (outcome.status !== "accepted") {
      // Where an earlier try may have been heard, the same one is asked again, and never another under this code.
      if (!outcome.isUndecided) each.asked = null;
      await keep(sale);
      return refusal(outcome.problem);
    }
    each.isIssued = true;
    each.number = outcome.gift_card?.number ?? "";
    await keep(sale);
  }
  return "";
}

// -- taken as money

// Which codes pay for the sale at hand already: in memory alone.
const shown = new Set();
export const forget = () => shown.clear();

// Hold what a card pays of the goods; returns why it does not, or nothing.
export async function pay(sale, settings, text) {
  const code = normal(text);
  const rest = goodsDue(sale);
  if (rest <= 0) return say("gift_nothing");
  if (!isWellTyped(code)) return say("gift_slip");
  if (shown.has(code)) return say("gift_twice");
  const reservation = `till-${crypto.randomUUID()}`;
  const one = { reservation, amount: 0, number: "", left: 0 };
  // Before it is asked: if the answer is lost, whatever was held is given back.
  sale.paidBy.push(one);
  await keep(sale);
  const drop = () => { sale.paidBy = sale.paidBy.filter((each) => each !== one); };
  try {
    const outcome = await tell(event("gift_card.reserve", {
      code, currency: settings.currency, amount: rest, reservation, expires_in: HOLD_SECONDS, partly: true,
    }, settings), settings);
    if (outcome.status !== "accepted") {
      drop();
      await keep(sale);
      return refusal(outcome.problem);
    }
    Object.assign(one, { amount: outcome.gift_card.amount, number: outcome.gift_card.number, left: outcome.gift_card.left });
    shown.add(code);
    await keep(sale);
    return "";
  } catch (error) {
    if (!(error instanceof Away)) throw error;
    drop();
    await keep(sale, [event("gift_card.void", { reservation }, settings)]);
    throw error;
  }
}

// What pays already, and whether more can.
export function showPaying(sale, isOnline) {
  at("gift-paid").replaceChildren(...sale.paidBy.filter((each) => each.amount).map((each) => {
    const row = element("li", `${say("gift_number", each.number)}: ${say("gift_left", money(each.left))}`);
    row.append(element("span", `−${money(each.amount)}`));
    return row;
  }));
  at("gift-paid").hidden = !sale.paidBy.length;
  at("gift-state").textContent = !isOnline ? say("gift_offline") : sale.lines.length ? "" : say("gift_nothing");
  for (const each of at("gift-pay").querySelectorAll("input, button")) each.disabled = !isOnline || goodsDue(sale) <= 0;
}
