// The till's page: what is scanned and typed becomes a sale; a paid sale is kept first and told then.
//
// Everything is kept in the browser before it is shown as done (till-keeping.js), so a page that is closed, reloaded or
// left without a line loses nothing. Nothing here decides what a promotion or a point is worth: the counter does.

import { all, article, get, keepArticles, put } from "./till-keeping.js";
import { Away, articles, ask, flush, hears, name, worded } from "./till-line.js";
import { BODY, at, done, element, lead, minor, money, on, onWrong, say, showChange, spoken, trouble, whole, wrong } from "./till-page.js";
import { isInSight, showSlip } from "./till-receipt.js";
import * as baskets from "./till-basket.js";
import * as giftcards from "./till-giftcards.js";
import * as leases from "./till-leases.js";
import * as orders from "./till-orders.js";
import * as sales from "./till-sale.js";

const AGAIN_MS = 10_000;

let settings;
let sale = sales.fresh();
let isOnline = navigator.onLine;
let outcomes = new Map();
// The customer's own basket, as it was read last.
let theirs = null;

const whoIs = (who) => who.kind === "card" ? say("customer", who.value) : say("by_code");

// -- the line

async function showLine() {
  const queue = await all("queue");
  const count = queue.filter((each) => each.type === "sale.closed").length;
  const word = (isOnline ? "online" : "offline") + (count === 0 ? "" : count === 1 ? "_one" : "_more");
  at("line").textContent = say(word, String(count));
  at("line").classList.toggle("is-offline", !isOnline);
  const refused = await all("refused");
  at("refused").hidden = !refused.length;
  at("refused").querySelector("ul").replaceChildren(...refused.slice(-20).map(({ event, problem }) => element("li",
    `${event.type} ${event.data.receipt ?? event.data.lease ?? ""}: ${problem?.title ?? ""} (${name(problem)})`)));
}

async function line(is) {
  const changed = is !== isOnline;
  isOnline = is;
  if (changed) await show();
  await showLine();
}

// Try to reach the counter; without it, go on as offline. Anything but a lost line is for whoever asked.
async function reach(work, otherwise) {
  try {
    const done = await work();
    // An answer that was on its way when the browser lost its network says nothing of now.
    if (!isOnline && navigator.onLine) await line(true);
    return done;
  } catch (error) {
    if (!(error instanceof Away)) throw error;
    await line(false);
    return otherwise?.();
  }
}

let telling = null;
function tellAll() {
  telling ??= tellWhatWaits().finally(() => { telling = null; });
  return telling;
}

// Tell what has just been kept too: whoever tells already may be past it.
async function tellNow() {
  await telling;
  await tellAll();
}

async function tellWhatWaits() {
  if (!settings) return;
  try {
    await reach(async () => {
      const heard = (event, outcome) => outcomes.get(event.id)?.(outcome);
      await flush(settings, heard);
      // Nothing waited, perhaps, and nothing was asked: only whoever answers lets the clock be believed again.
      await hears(settings);
      await leases.tend(settings);
      await flush(settings, heard);
    });
    if (isOnline) await orders.goOn();
  } catch (error) {
    trouble(say("refused", error.message));
  }
  await showLeases();
  await showLine();
}

async function refreshArticles() {
  await reach(async () => keepArticles(await articles({ store: settings.store })));
}

// -- what is shown

async function show() {
  const rows = sale.lines.map((each, index) => {
    const row = element("tr");
    const quantity = element("input", "", { type: "number", min: 1, max: 9999, value: each.quantity, disabled: sale.isPaying });
    quantity.setAttribute("aria-label", each.name);
    quantity.addEventListener("change", () => change(index, whole(quantity.value) || 1));
    const out = element("button", "×", { type: "button", className: "button text", disabled: sale.isPaying });
    out.setAttribute("aria-label", `${say("take_out")}: ${each.name}`);
    out.addEventListener("click", () => change(index, 0));
    const many = element("td", "", { className: "number" });
    many.append(quantity);
    const last = element("td");
    last.append(out);
    row.append(element("td", each.name), many, element("td", money(each.price * each.quantity), { className: "number" }), last);
    return row;
  });
  rows.push(...giftcards.rows(sale, (index) => { sale.cards.splice(index, 1); return changed(); }));
  at("lines").querySelector("tbody").replaceChildren(...rows);
  at("lines").hidden = !rows.length;
  at("empty").hidden = Boolean(rows.length);
  showOff();
  at("total").textContent = money(sales.due(sale));
  const onTop = sales.added(sale);
  at("on-top").textContent = onTop ? say("on_top", money(onTop)) : "";
  at("on-top").hidden = !onTop;
  at("list-price").hidden = isOnline;
  at("to-pay").disabled = !rows.length;
  at("to-pay-acts").hidden = sale.isPaying;
  at("payment").hidden = !sale.isPaying;
  at("aside").hidden = !isOnline || sale.who?.kind !== "card";
  at("nobody").hidden = !sale.who;
  for (const each of document.querySelectorAll("#scan input, #scan button, #customer input, #customer button, #coupon input, #coupon button, #sell-card input, #sell-card button")) each.disabled = sale.isPaying;
  showTheirs();
  await showLeases();
  if (!sale.isPaying) return;
  giftcards.showPaying(sale, isOnline);
  const isPaid = sales.due(sale) === 0;
  at("settle").hidden = !isPaid;
  at("cash").hidden = at("terminal").hidden = isPaid;
  await showPoints();
}

function showTheirs() {
  const pieces = theirs ? baskets.beyond(sale, theirs).reduce((sum, { more }) => sum + more, 0) : 0;
  const isCouponAlone = !pieces && theirs && isOnline && baskets.coupons(sale, theirs).length;
  at("theirs").hidden = !(pieces || isCouponAlone) || sale.isPaying;
  if (pieces) at("theirs-said").textContent = say(pieces === 1 ? "theirs_one" : "theirs_more", String(pieces));
  else if (isCouponAlone) at("theirs-said").textContent = say("theirs_coupon");
}

async function showLeases() {
  const open = await leases.open();
  const until = new Intl.DateTimeFormat(document.documentElement.lang, { weekday: "short", hour: "numeric", minute: "2-digit" });
  at("leases").hidden = !open.length;
  at("leases").querySelector("ul").replaceChildren(...open.map((each) => {
    const row = element("li", say("lease", String(each.left)).replace("%t", until.format(new Date(each.ends))));
    const back = element("button", say("give_back"), { type: "button", className: "button quiet", disabled: sale.points?.lease === each.name });
    back.addEventListener("click", () => giveBack([each.name]));
    row.append(back);
    return row;
  }));
}

async function giveBack(names) {
  trouble();
  const count = await leases.giveBack(settings, names);
  await show();
  if (count) done(say(isOnline ? "given_back" : "given_back_later"));
  await tellNow();
}

function showOff() {
  const off = (sale.priced?.deductions ?? []).map((each) => {
    const row = element("li", spoken(each.titles));
    row.append(element("span", `−${money(each.amount)}`));
    return row;
  });
  // One without a code that is used up: whoever counted on it hears why the price is the full one.
  for (const each of sale.priced?.not_applied ?? []) {
    if (!each.code) off.push(element("li", `${spoken(each.titles)}: ${spoken(each.because)}`, { className: "till-spent" }));
  }
  at("off").replaceChildren(...off);
  at("off").hidden = !off.length;
  const codes = sale.codes.map((code, index) => {
    const why = sale.priced?.not_applied?.find((each) => each.code === index + 1);
    const called = nameOf(code, index + 1, why);
    const row = element("li", called + (why ? `: ${spoken(why.because) || why.reason}` : ""));
    const out = element("button", "×", { type: "button", className: "button text", disabled: sale.isPaying });
    out.setAttribute("aria-label", `${say("take_out")}: ${called}`);
    out.addEventListener("click", async () => {
      baskets.leave(sale, code);
      await changed();
    });
    row.append(out);
    return row;
  });
  at("codes").replaceChildren(...codes);
  at("codes").hidden = !codes.length;
}

// A coupon by its code; one that came from the phone by what it gives, since the till has no code of it.
function nameOf(code, number, why) {
  if (!baskets.isTheirs(sale, code)) return code;
  const given = sale.priced?.deductions?.find((each) => each.code === number);
  return [say("from_phone"), spoken((given ?? why)?.titles)].filter(Boolean).join(": ");
}

async function showPoints() {
  const used = sale.points?.worth;
  for (const each of at("points").querySelectorAll("input, button")) each.disabled = Boolean(used);
  at("points-code-field").hidden = !isOnline;
  if (used) {
    at("points-state").textContent = say("points_used", String(sale.points.points));
    return;
  }
  const lease = await leases.leaseOf(sale.who, settings);
  if (lease === "clock" && !isOnline) at("points-state").textContent = say("points_clock");
  else if (lease && lease !== "clock") at("points-state").textContent = say("points_left", String(lease.points - lease.spent));
  else at("points-state").textContent = isOnline ? "" : say("points_offline");
}

// Something of the sale is another one: keep it, show it, ask what it costs, and show that.
async function changed() {
  await sales.keep(sale);
  await show();
  const asked = sale;
  await reach(() => sales.price(asked, settings), () => { asked.priced = null; });
  if (asked !== sale) return;
  await sales.keepPrice(sale);
  await show();
}

async function change(index, quantity) {
  if (quantity) sale.lines[index].quantity = Math.min(quantity, 9999);
  else sale.lines.splice(index, 1);
  await changed();
}

// -- goods, customers, coupons

async function add(found) {
  at("found").hidden = true;
  lead("product");
  const there = sale.lines.find((each) => each.sku === found.sku && each.price === found.price);
  if (there) there.quantity += 1;
  else sale.lines.push({ ...found, quantity: 1 });
  await putAway();
  await changed();
}

// A scanner is quicker than the line: what it reads waits for its turn, and nothing of it is lost.
let [scanning, scans] = [Promise.resolve(), 0];
function inTurn(text, work) {
  // What was said of a scan stands until the next one after a pause: nobody looks up between two.
  if (!scans) trouble();
  scans += 1;
  scanning = scanning
    .then(() => work(text))
    .catch(wrong)
    .then(() => { scans -= 1; });
}

async function scan(text) {
  if (/^C1[0-9A-Z]{20,}/.test(text)) return takeCustomer(text);
  if (sales.isCoupon(text)) return showScannedCoupon(text);
  const kept = await article(text);
  if (kept && !isOnline) return add(kept);
  const found = await reach(async () => {
    const exact = await articles({ number: text });
    return exact.length ? exact : articles({ words: text });
  }, () => kept ? [kept] : null);
  if (!found) return trouble(say("unknown_offline", text));
  if (found.length) await keepArticles(found);
  if (!found.length) {
    // Eight digits may be the number of a basket that is being shown.
    const shown = /^\d{8}$/.test(text) && await lookInto(text);
    return shown?.said ? null : trouble(say("unknown", text));
  }
  if (found.length === 1) return add(found[0]);
  at("found").replaceChildren(...found.map((each) => {
    const row = element("li");
    const choose = element("button", each.name, { type: "button", className: "button text" });
    choose.addEventListener("click", () => add(each));
    row.append(choose, element("span", money(each.price)));
    return row;
  }));
  at("found").hidden = false;
}

// What a customer has in their own basket, by the code that they show, or by its number.
async function lookInto(code) {
  const asked = sale;
  const found = await reach(() => baskets.read(code, settings));
  if (!found || asked !== sale) return found;
  theirs = found.said && !baskets.isAnother(sale, found) ? found : null;
  if (found.said && !theirs) trouble(say("one_basket"));
  showTheirs();
  return found;
}

async function takeOver() {
  trouble();
  const offered = theirs;
  if (!offered) return;
  // As it is now, if there is a line; otherwise as it was read.
  const now = await reach(() => baskets.read(offered.code, settings));
  const found = now?.said ? now : offered;
  if (baskets.isAnother(sale, found)) return trouble(say("one_basket"));
  const pieces = baskets.takeOver(sale, found, spoken);
  const coming = isOnline ? baskets.takeCoupons(sale, found) : 0;
  theirs = found;
  await putAway();
  await changed();
  const { missing } = found.said.quote;
  const told = [pieces && say(pieces === 1 ? "taken_one" : "taken_more", String(pieces)), missing?.length && say("not_sold"),
    coming && say(coming === 1 ? "coupon_one" : "coupon_more", String(coming)),
    !isOnline && found.said.passes?.length && say("coupon_offline")].filter(Boolean).join(" ");
  if (told) done(told);
}

async function takeCustomer(text) {
  trouble();
  theirs = null;
  showTheirs();
  sale.who = text.startsWith("C1") ? { kind: "code", value: text } : { kind: "card", value: text };
  at("who").textContent = whoIs(sale.who);
  await reach(async () => {
    const { status, said } = await ask("customer", sale.who, settings);
    if (status === 200 && said.balance) at("who").textContent += `: ${say("balance", String(said.balance.available))}`;
    if (status >= 400 && status < 500 && status !== 429) {
      sale.who = null;
      at("who").textContent = say("refused", worded(said));
    }
  });
  if (sale.who?.kind === "code" && isOnline) await lookInto(text);
  await changed();
}

async function showCoupon(code) {
  trouble();
  at("code").value = at("product").value = "";
  if (!isOnline) return trouble(say("coupon_offline"));
  if (!sale.codes.includes(code)) sale.codes.push(code);
  await changed();
  if (isUnusable(code) && await orders.isShown(code)) {
    sale.codes = sale.codes.filter((each) => each !== code);
    await changed();
  }
  if (!isOnline) {
    sale.codes = sale.codes.filter((each) => each !== code);
    await changed();
    trouble(say("coupon_offline"));
  }
}

// What was scanned among the goods is a coupon, a pick-up code or, when it fits its check character, a gift card.
async function showScannedCoupon(code) {
  await showCoupon(code);
  if (!isUnusable(code) || !giftcards.isWellTyped(code)) return;
  sale.codes = sale.codes.filter((each) => each !== code);
  await changed();
  trouble(say("gift_at_payment"));
}

// A pick-up code looks like a coupon's, and is none.
function isUnusable(code) {
  const number = sale.codes.indexOf(code) + 1;
  return number > 0 && (!sale.lines.length || sale.priced?.not_applied?.some((each) => each.code === number && each.reason === "unusable"));
}

// -- payment

async function toPayment() {
  trouble();
  if (!isOnline && sale.codes.length) {
    sale.codes = [];
    await changed();
    return trouble(say("coupon_offline"));
  }
  if (!isOnline && sale.cards.length) return trouble(say("gift_offline"));
  let isSame = true;
  if (isOnline) {
    try {
      isSame = await sales.hold(sale, settings);
    } catch (error) {
      if (!(error instanceof Away)) {
        await changed();
        return trouble(say("refused", error.message));
      }
      // What was asked for may be held by now: it is given back with the queue, and the sale goes on without.
      await sales.release(sale, settings);
      sale.codes = [];
      sale.priced = null;
      await line(false);
      await sales.keep(sale);
      await show();
      return trouble(say("coupon_offline"));
    }
  }
  sale.isPaying = true;
  await sales.keep(sale);
  await show();
  if (!isSame) trouble(say("price_moved"));
  lead("given");
}

async function usePoints() {
  trouble();
  const [points, worth, code] = [whole(at("points-number").value), minor(at("points-worth").value), at("points-code").value.trim()];
  if (!(points > 0 && worth > 0 && worth <= sales.goodsDue(sale))) return trouble(say("worth_wrong"));
  if (isOnline && code) {
    try {
      const refused = await sales.reservePoints(sale, settings, { points, worth, code });
      if (refused) trouble(say("refused", refused));
      return show();
    } catch (error) {
      if (!(error instanceof Away)) throw error;
      const gone = sale.points;
      sale.points = null;
      await sales.keep(sale, [sales.event("points.void", { reservation: gone.reservation }, settings)]);
      await line(false);
      return trouble(say("points_offline"));
    }
  }
  const lease = await leases.leaseOf(sale.who, settings);
  if (lease === "clock") return trouble(say("points_clock"));
  if (!lease || lease.points - lease.spent < points) return trouble(say("points_offline"));
  sale.points = { points, worth, lease: lease.name };
  await sales.keep(sale);
  return show();
}

async function sellCard(form) {
  trouble();
  if (!isOnline) return trouble(say("gift_offline"));
  const wrong = giftcards.add(sale, { amount: form.elements.amount.value, code: form.elements.code.value.trim() });
  if (wrong) return trouble(wrong);
  form.reset();
  await putAway();
  // Its price is its own: nobody waits for what the goods cost.
  changed().catch(wrong);
  return null;
}

async function payWithCard(form) {
  trouble();
  const text = form.elements.code.value.trim();
  form.reset();
  const refused = text && await reach(() => giftcards.pay(sale, settings, text), () => say("gift_offline"));
  await show();
  if (refused) trouble(refused);
  if (sales.due(sale) === 0) at("settle").focus();
}

async function paid(how) {
  trouble();
  const refused = await reach(() => giftcards.issue(sale, settings), () => say("gift_waits"));
  if (refused) return trouble(refused);
  const closed = await sales.close(sale, settings, how);
  await nextSale();
  if (!closed) return;
  const { slip, codes } = closed;
  // Nobody waits for the answer: whoever has gone on meanwhile looks at the next sale, or at its slip.
  if (slip.event) outcomes.set(slip.event, (outcome) => {
    outcomes.delete(slip.event);
    if (isInSight(slip)) showReceipt(slip, outcome, codes);
  });
  showReceipt(slip, undefined, codes);
  await showLine();
  tellNow();
}

// The sale at hand is another one than before.
async function nextSale() {
  giftcards.forget();
  sale = await sales.kept();
  theirs = null;
  for (const each of document.querySelectorAll("#payment form")) each.reset();
  at("change").textContent = "";
  at("who").textContent = sale.who ? whoIs(sale.who) : say("nobody");
  await show();
}

// The slip is out of sight, and what stood on it alone is nowhere any more.
async function putAway() {
  if (at("receipt").hidden) return;
  at("receipt").hidden = true;
  at("slip").replaceChildren();
  await sales.seen();
}

function showReceipt(slip, outcome, codes) {
  const note = !slip.event ? "" : outcome?.status === "accepted"
    ? outcome.points > 0 ? say("earned", String(outcome.points)) : "" : slip.isTheirs ? say("later") : "";
  const earned = outcome?.points > 0 ? outcome.points_by_line : [];
  showSlip(slip, settings.source, { title: say("receipt", slip.receipt), codes, notes: [note], earned, isNew: !outcome });
}

// -- the page

function listen() {
  for (const [form, field, work] of [["scan", "product", scan], ["customer", "card", takeCustomer]]) {
    on(form, ({ elements }) => {
      const text = elements[field].value.trim();
      elements[field].value = "";
      if (text) inTurn(text, work);
    });
  }
  on("take-over", takeOver);
  on("give-all-back", () => giveBack(null));
  on("nobody", () => { sale.who = null; theirs = null; at("who").textContent = say("nobody"); return changed(); });
  on("coupon", (form) => { const text = form.elements.code.value.trim(); return text && showCoupon(text); });
  on("drop", async () => { await sales.drop(sale, settings); await nextSale(); tellAll(); });
  on("to-pay", async () => { await scanning; return toPayment(); });
  on("back", async () => {
    await sales.release(sale, settings);
    giftcards.forget();
    await show();
    // What was held counts as used until the counter has it back: only then is there a price.
    await tellNow();
    await changed();
  });
  on("points", usePoints);
  on("sell-card", sellCard);
  on("gift-pay", payWithCard);
  on("settle", () => paid({ tender: "none" }));
  on("lease", async (form) => {
    const points = whole(form.elements.points.value);
    const refused = await reach(
      () => leases.lease(sale, settings, { points, code: form.elements.code.value.trim(), days: Number(form.elements.days.value) }),
      () => say("needs_line"));
    trouble(refused ? say("refused", refused) : "");
    if (!refused) at("who").textContent += ` · ${say("set_aside", String(points))}`;
    form.reset();
    await showLeases();
  });
  on("cash", () => {
    const given = minor(at("given").value);
    if (!(given >= sales.due(sale))) return trouble(say("too_little", money(sales.due(sale) - (given || 0))));
    return paid({ tender: "cash", given });
  });
  on("terminal", () => paid({ tender: "card", reference: at("reference").value.trim() }));
  on("next", async () => { await putAway(); at("product").focus(); });
  on("print", () => window.print());
  orders.listen(settings, reach);
  at("given").addEventListener("input", () => showChange("change", minor(at("given").value), sales.due(sale)));
  window.addEventListener("online", tellAll);
  window.addEventListener("offline", () => line(false));
  setInterval(tellAll, AGAIN_MS);
}

async function begin() {
  sale = await sales.kept();
  const slip = await sales.unseen();
  if (sale.who) at("who").textContent = whoIs(sale.who);
  onWrong(async (error) => {
    if (error instanceof sales.Elsewhere) await nextSale();
    trouble(say("refused", error.message));
  });
  // Nothing is seen before it is listened to: a form that went by itself would have its code in the address.
  listen();
  at("place").textContent = settings.source;
  at("pairing").hidden = true;
  at("desk").hidden = false;
  at("product").focus();
  if (slip) showReceipt(slip.slip, undefined, slip.codes);
  await show();
  await showLine();
  if ("serviceWorker" in navigator) await navigator.serviceWorker.register(BODY.worker, { scope: BODY.scope }).catch(() => {});
  navigator.storage?.persist?.();
  await tellAll();
  await refreshArticles();
  if (!sale.isPaying && sale.lines.length) await changed();
}

function pair() {
  at("pairing").hidden = false;
  on("pair", async (form) => {
    const given = { source: form.elements.source.value.trim(), key: form.elements.key.value.trim(), currency: BODY.currency };
    given.store = given.source.match(/^\/stores\/([^/]+)\//)?.[1] ?? "";
    given.salt = crypto.randomUUID();
    given.prefix = given.salt.slice(0, 4).toUpperCase();
    try {
      const { status } = await ask("price", { basket: [{ product: "0", quantity: 1, amount: 0 }], source: given.source }, given);
      if (status !== 200) return trouble(say("key_refused"));
    } catch {
      return trouble(say("needs_line"));
    }
    trouble();
    settings = given;
    await put("settings", given, "till");
    await begin();
  });
}

settings = await get("settings", "till");
if (settings) await begin();
else pair();
