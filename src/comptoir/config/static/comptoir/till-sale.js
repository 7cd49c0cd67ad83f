// One sale at the till: what is in it, what it costs, and how it becomes events that are kept and told.
//
// Online, promotions and coupons are priced by the counter, held when it comes to paying, and posted with the sale.
// Offline, list prices hold, no coupon is taken, and points come out of a lease alone.

import { get, together } from "./till-keeping.js";
import { Away, ask, tell, worded } from "./till-line.js";
import { say } from "./till-page.js";
import { percent, settle, shares } from "./till-tax.js";

const HOLD_SECONDS = 86_400;

export const fresh = () => ({
  id: crypto.randomUUID(), version: 0, lines: [], codes: [], who: null, priced: null, points: null, isPaying: false, held: null, basket: null,
  // Gift cards that are sold, and those that pay; the receipt's number, where it was needed before the end.
  cards: [], paidBy: [], receipt: null,
});

export function event(type, data, settings, id = crypto.randomUUID()) {
  return {
    specversion: "1.0", id, source: settings.source, type, time: new Date().toISOString(),
    datacontenttype: "application/json", data,
  };
}

// The till has one sale at hand, in however many tabs it is open. Another tab has changed, closed or dropped this one.
export class Elsewhere extends Error {
  constructor() {
    super(say("sale_elsewhere"));
  }
}

// Keep a sale within a transaction, if it is the one at hand as it was kept last: what is over never comes back.
async function keepIn(store, asking, sale, change = 1) {
  const last = await asking(store.get("sale"));
  if (last?.id !== sale.id || last.version !== sale.version) throw new Elsewhere();
  // A window that has only looked has changed nothing.
  if (JSON.stringify(last) === JSON.stringify(sale)) return;
  sale.version += change;
  store.put(sale, "sale");
}

// Keep what the sale costs. Nobody has changed it by that, so a window that goes on with it is not refused.
export const keepPrice = (sale) => together(["settings"], ({ settings }, asking) => keepIn(settings, asking, sale, 0));

// Keep the sale, and in the same transaction what there is to tell; throws Elsewhere, and does nothing, if it is over.
export function keep(sale, events = []) {
  return together(["settings", "queue"], async ({ settings, queue }, asking) => {
    await keepIn(settings, asking, sale);
    events.forEach((each) => queue.add(each));
  });
}

// The sale at hand, the same one for every tab.
export const kept = () => together(["settings"], async ({ settings }, asking) => {
  const sale = { ...fresh(), ...await asking(settings.get("sale")) };
  settings.put(sale, "sale");
  return sale;
});

// A coupon's code, as its page says it in groups, and as its bars do.
const COUPON = /^(\][a-z]\d)?(\(99\)|99)?[0-9A-HJKMNP-TV-Z]{20}$/i;
export const isCoupon = (text) => /^[0-9A-Z]{4}(-[0-9A-Z]{4}){3,}$/i.test(text) || COUPON.test(text);

export const before = (sale) => sale.lines.reduce((sum, line) => sum + line.price * line.quantity, 0);
export const discount = (sale) => sale.priced?.discount ?? 0;
export const total = (sale) => before(sale) - discount(sale);
// The tax on what is paid for the goods; what comes on top of their prices is due as well.
export const taxes = (sale) => settle(linesOf(sale).map(({ amount }, index) => ({ amount, ...taxed(sale.lines[index]) })));
export const added = (sale) => taxes(sale).added;
const sumOf = (cards) => cards.reduce((sum, each) => sum + each.amount, 0);
// What is left to pay of the goods, after points and gift cards; and with the gift cards that are sold.
export const goodsDue = (sale) => total(sale) + added(sale) - (sale.points?.worth ?? 0) - sumOf(sale.paidBy);
export const due = (sale) => goodsDue(sale) + sumOf(sale.cards);

const taxed = (line) => ({ rate: line.rate, isOnTop: line.on_top });

function basket(sale) {
  return sale.lines.map(({ sku, quantity, price, category, gtin }) => ({
    product: sku, quantity, amount: price * quantity, ...(category && { category }), ...(gtin && { gtin }),
  }));
}

// What the counter takes off: the same function that prices the basket's page and the checkout.
export async function price(sale, settings) {
  if (!sale.lines.length) {
    sale.priced = null;
    return;
  }
  const question = () => ({ basket: basket(sale), source: settings.source, codes: sale.codes, ...(sale.who && { customer: sale.who }) });
  const asked = question();
  const written = JSON.stringify(asked);
  const { status, said } = await ask("price", asked, settings);
  if (status === 429) throw new Away();
  // The sale is another one by now: its own question is on its way, and this answer is not about it.
  if (JSON.stringify(question()) !== written) return;
  sale.priced = status === 200 ? said : null;
}

// Hold what promotions and coupons give until the sale is paid. Says whether the price is still the one that was shown.
export async function hold(sale, settings) {
  if (!sale.lines.length || (!sale.codes.length && !discount(sale))) return true;
  const shown = total(sale);
  // A name of its own each time: what was given back once is never held again under its name.
  sale.held ??= { id: crypto.randomUUID(), time: new Date().toISOString(), reservation: `till-${crypto.randomUUID()}` };
  await keep(sale); // whatever becomes of the answer, the same request goes again
  const asked = event("coupon.reserve", {
    basket: basket(sale), codes: sale.codes, reservation: sale.held.reservation, expires_in: HOLD_SECONDS,
    ...(sale.who && { customer: sale.who }), ...(settings.store && { store: settings.store }),
  }, settings, sale.held.id);
  const outcome = await tell({ ...asked, time: sale.held.time }, settings);
  if (outcome.status !== "accepted") {
    // The first time may have been heard: what it held is given back.
    if (outcome.isUndecided) await release(sale, settings);
    sale.held = null;
    throw new Error(worded(outcome.problem));
  }
  sale.held.isAnswered = true;
  sale.priced = outcome.basket ?? sale.priced;
  return total(sale) === shown;
}

// What was held is not needed after all; told with the queue, so that it is told whatever the line does.
export async function release(sale, settings) {
  await keep(sale, letGo(sale, settings));
}

// Nothing comes of the sale: what it held is free, and the next one is at hand.
export function drop(sale, settings) {
  const events = letGo(sale, settings);
  return together(["settings", "queue"], async ({ settings: store, queue }, asking) => {
    await keepIn(store, asking, sale);
    store.put(fresh(), "sale");
    events.forEach((each) => queue.add(each));
  });
}

// Have a sale hold nothing any more; returns what has to be told of it.
function letGo(sale, settings) {
  const events = [];
  if (sale.held) events.push(event("coupon.release", { reservation: sale.held.reservation }, settings));
  if (sale.points?.reservation) events.push(event("points.void", { reservation: sale.points.reservation }, settings));
  for (const { reservation } of sale.paidBy) events.push(event("gift_card.void", { reservation }, settings));
  for (const { asked, isIssued, code } of sale.cards) {
    // Nobody has paid it. Of one whose answer was lost, the same is asked again, and it is stopped then (till-line.js).
    if (isIssued) events.push(event("gift_card.stop", { code, because: "mistake" }, settings));
    else if (asked) events.push(asked);
  }
  // A blank is good for one card; another one has to be scanned.
  sale.cards = sale.cards.filter((each) => !(each.asked && each.isBlank))
    .map((each) => ({ ...each, ...(each.asked && { code: null, asked: null, isIssued: false, number: null }) }));
  sale.held = sale.points = null;
  sale.paidBy = [];
  sale.isPaying = false;
  return events;
}

// -- points

export async function reservePoints(sale, settings, { points, worth, code }) {
  const reservation = `till-${crypto.randomUUID()}`;
  const whole = code.startsWith("C1");
  const customer = sale.who ?? (whole ? { kind: "code", value: code } : null);
  if (!customer) return "proof_missing";
  const asked = event("points.reserve", {
    customer, points, reservation, expires_in: HOLD_SECONDS, proof: { kind: "code", value: code },
  }, settings);
  // Before it is asked: if the answer is lost, whatever was held is given back with the sale.
  sale.points = { points, worth: 0, reservation };
  await keep(sale);
  const outcome = await tell(asked, settings);
  if (outcome.status !== "accepted") {
    sale.points = null;
    await keep(sale);
    return worded(outcome.problem);
  }
  sale.points = { points, worth, reservation };
  // Whoever shows their code to spend has said who they are: the sale earns for them.
  sale.who ??= customer;
  await keep(sale);
  return "";
}

// -- the end

function linesOf(sale) {
  const off = new Map();
  for (const each of sale.priced?.deductions ?? []) {
    for (const { line, amount } of each.lines) off.set(line, (off.get(line) ?? 0) + amount);
  }
  return sale.lines.map(({ sku, gtin, category, quantity, price }, index) => ({
    product: sku, quantity, amount: price * quantity - (off.get(index + 1) ?? 0),
    ...(category && { category }), ...(gtin && { gtin }), ...(off.get(index + 1) && { discount: off.get(index + 1) }),
  }));
}

// As the counter is told: what goes back with the goods one day is said with them, tax on top and what points have paid.
function soldLines(sale, settled) {
  const lines = linesOf(sale);
  const byPoints = shares(sale.points?.worth ?? 0, lines.map(({ amount }, index) => Math.max(0, amount + settled.onTop[index])));
  return lines.map((line, index) => ({
    ...line, ...(settled.onTop[index] && { tax: settled.onTop[index], tax_on_top: true }),
    ...(byPoints[index] && { paid_with_points: byPoints[index] }),
  }));
}

const written = (count, settings) => `${settings.prefix}-${String(count).padStart(6, "0")}`;

// Give the sale its receipt's number before its end: what is issued with it names it.
export function number(sale, settings) {
  if (sale.receipt) return null;
  return together(["settings"], async ({ settings: store }, asking) => {
    const count = ((await asking(store.get("receipt"))) ?? 0) + 1;
    sale.receipt = written(count, settings);
    await keepIn(store, asking, sale);
    store.put(count, "receipt");
  });
}

// Keep a paid sale: its events with their ids, its receipt and what is spent of a lease, all in one transaction; and its
// slip with the codes of gift cards that only it shows, until it is out of sight (seen). A sale is closed once, whoever
// presses twice or in two tabs. Returns the slip and those codes, or null if it was closed already.
export function close(sale, settings, { tender, given, reference }) {
  const settled = taxes(sale);
  const lines = soldLines(sale, settled);
  const sum = lines.reduce((all, each) => all + each.amount, 0);
  return together(["settings", "queue", "leases", "receipts"], async ({ settings: store, queue, leases, receipts }, asking) => {
    const [current, last] = await Promise.all([asking(store.get("sale")), asking(store.get("receipt"))]);
    if (current?.id !== sale.id) return null;
    if (current.version !== sale.version) throw new Elsewhere();
    const count = sale.receipt ? last : (last ?? 0) + 1;
    const receipt = sale.receipt ?? written(count, settings);
    const events = [];
    if (sale.held) events.push(event("coupon.post", { reservation: sale.held.reservation, receipt }, settings));
    if (sale.points?.reservation) {
      const { reservation, worth } = sale.points; // worth nothing yet: its answer never came
      events.push(worth ? event("points.post", { reservation, receipt }, settings)
        : event("points.void", { reservation }, settings));
    }
    if (sale.points?.lease) {
      const one = await asking(leases.get(sale.points.lease));
      if (!one || one.isReturned || one.points - one.spent < sale.points.points) throw new Error("lease_exceeded");
      const sequence = one.sequence + 1;
      leases.put({ ...one, sequence, spent: one.spent + sale.points.points });
      events.push(event("points.lease_spend",
        { lease: one.name, points: sale.points.points, sequence, receipt }, settings));
    }
    for (const { reservation, amount } of sale.paidBy) {
      events.push(amount ? event("gift_card.post", { reservation, receipt }, settings)
        : event("gift_card.void", { reservation }, settings));
    }
    // A gift card is no sale: where nothing else was sold, there is none.
    const closed = sale.lines.length ? event("sale.closed", {
      receipt, currency: settings.currency, total: sum, lines,
      ...(settings.store && { store: settings.store }), ...(sale.who && { customer: sale.who }),
      // Out of which basket it came: the counter takes out of it what was sold.
      ...(sale.basket && { basket: sale.basket.id }),
    }, settings) : null;
    if (closed) events.push(closed);
    events.forEach((each) => queue.add(each));
    const slip = {
      receipt, event: closed?.id ?? null, isTheirs: Boolean(sale.who), at: closed?.time ?? new Date().toISOString(), tender, given, reference,
      total: sum + settled.added + sumOf(sale.cards), due: due(sale), taxes: settled.taxes, added: settled.added, before: before(sale), discount: discount(sale), points: sale.points,
      // Where there are several rates, each line says which it has.
      lines: sale.lines.map((each) => ({ ...each, percent: settled.taxes.length > 1 ? percent(each.rate) : "" })), change: tender === "cash" ? given - due(sale) : 0, paidBy: sale.paidBy,
      cards: sale.cards.map(({ number, amount }) => ({ number, amount })),
    };
    receipts.put(slip);
    // A blank has its code on it.
    const codes = sale.cards.filter((each) => !each.isBlank).map((each) => each.code.match(/.{1,4}/g).join("-"));
    if (codes.length) store.put({ slip, codes }, "slip");
    store.put(count, "receipt");
    store.put(fresh(), "sale");
    return { slip, codes };
  });
}

// The slip whose codes somebody may not have seen yet, when the page was closed too early; or nothing.
export const unseen = () => get("settings", "slip");
export const seen = () => together(["settings"], ({ settings }) => settings.delete("slip"));
