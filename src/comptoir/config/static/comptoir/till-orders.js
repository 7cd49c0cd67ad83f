// Orders that wait at the store: read by their pick-up code, paid here where they are not paid yet, and handed over.
//
// All of it needs the line, since only the counter knows whether somebody has it already. What is said is kept before,
// under an id of its own: if the answer is lost, the same is said again, so an order is paid and handed over once. Where
// money was taken the till does so by itself; where it went back meanwhile, it only looks what has become of the order.
// Nothing of it is part of the sale at hand.

import { get, put, together } from "./till-keeping.js";
import { ask, name, tell, worded } from "./till-line.js";
import { at, done, element, minor, money, on, say, showChange, spoken, trouble } from "./till-page.js";
import { showSlip } from "./till-receipt.js";
import { event } from "./till-sale.js";

const REFERENCE = /^[0-9A-Za-z./_-]{1,40}$/;
// A terminal's own number of a payment; so many digits are a card's, which nobody types in.
const CARD = /^\d{13,19}$/;

// With what the counter says of it, nothing more can be done with an order.
const OVER = ["order_over", "order_unknown", "order_elsewhere"];

// The order that was read last, and how the page reaches the counter.
let [order, desk] = [null, null];

const namesOf = (line) => [spoken(line.name) || line.product, ...Object.values(line.options ?? {})].join(", ");

function close() {
  order = null;
  at("order").hidden = true;
  at("pickup").hidden = false;
  for (const each of document.querySelectorAll("#order form")) each.reset();
  at("order-change").textContent = "";
}

function show(isWaiting = false) {
  at("pickup").hidden = true;
  at("order").hidden = false;
  at("order-number").textContent = say("order", order.told.number);
  at("order-lines").replaceChildren(...order.told.lines.map((line) => {
    const row = element("li", `${line.quantity} × ${namesOf(line)}`);
    row.append(element("span", money(line.amount)));
    return row;
  }));
  const { due, total, is_laid: isLaid } = order.told;
  at("order-laid").hidden = !isLaid;
  at("order-total").textContent = due ? say("to_take", money(due)) : say("paid_before", money(total));
  at("order-waits").hidden = !isWaiting;
  at("order-cash").hidden = at("order-terminal").hidden = !due || isWaiting;
  at("order-paid").hidden = Boolean(due) || isWaiting;
  at("order-back").hidden = isWaiting;
}

// Read what a pick-up code is for. A shop whose map has no such need hands over by the code alone, as before.
async function read(code) {
  trouble();
  if ((await get("settings", "order"))?.slip) return trouble(say("order_first"));
  return showRead(code, await asked(code));
}

// What the counter says of a pick-up code at this store; nothing without a line.
function asked(code) {
  const { settings } = desk;
  const question = { source: settings.source, code, ...(settings.store && { store: settings.store }) };
  return desk.reach(() => ask("order", question, settings));
}

async function showRead(code, answer) {
  if (!answer) return trouble(say("needs_line"));
  const { status, said } = answer;
  if (status === 403 && name(said) === "need_not_declared") return handOver(code, null);
  if (status !== 200) return trouble(say("refused", worded(said)));
  if (!["placed", "paid", "packed"].includes(said.state) || (said.state === "placed" && !said.due)) return handOver(code, null);
  order = { code, told: said };
  at("pickup").reset();
  show();
  (said.due ? at("order-given") : at("order-paid")).focus();
}

async function handOver(code, taken, slip = null) {
  trouble();
  const { settings } = desk;
  const said = event("order.hand_over", {
    code, ...(settings.store && { store: settings.store }), ...(taken && { taken }),
  }, settings);
  const kept = await get("settings", "order");
  // Before it is said: whatever becomes of the answer, the same goes again.
  if (taken || kept?.said.data.code !== code) {
    await put("settings", { said, slip, told: order?.told ?? null }, "order");
  }
  await tellIt();
}

// Go on with what was taken and not answered, now that there may be a line.
export async function goOn() {
  const kept = await get("settings", "order");
  if (!kept?.slip || !desk) return;
  if (kept.isGivenBack) await lookAfter(kept);
  else await tellIt();
}

let telling = null;
function tellIt() {
  telling ??= tellOnce().finally(() => { telling = null; });
  return telling;
}

async function tellOnce() {
  const kept = await get("settings", "order");
  if (!kept) return null;
  order ??= kept.told && { code: kept.said.data.code, told: kept.told };
  const outcome = await desk.reach(() => tell(kept.said, desk.settings), () => null);
  if (!outcome) {
    if (order) show(Boolean(kept.slip));
    return trouble(say(kept.slip ? "order_waits" : "needs_line"));
  }
  if (outcome.isUndecided) {
    // An earlier try may have been heard: the same is said again, by itself where money was taken.
    if (order) show(Boolean(kept.slip));
    return trouble(say("refused", worded(outcome.problem)));
  }
  await forget();
  if (outcome.status !== "accepted") {
    if (OVER.includes(name(outcome.problem))) close();
    else if (order) show();
    return trouble(say("refused", worded(outcome.problem)));
  }
  close();
  at("pickup").reset();
  done(say("handed_over"));
  if (kept.slip) showSlip(kept.slip, desk.settings.source, { title: say("order", kept.slip.number) });
}

const forget = () => together(["settings"], ({ settings }) => settings.delete("order"));

// The money went back before there was an answer: say nothing more, and see whether the counter had heard it.
async function giveBack() {
  const kept = await get("settings", "order");
  close();
  if (!kept) return;
  await put("settings", { ...kept, isGivenBack: true }, "order");
  await lookAfter({ ...kept, isGivenBack: true });
}

async function lookAfter({ said, slip }) {
  const { settings } = desk;
  const answer = await desk.reach(() => ask("order", { source: settings.source, code: said.data.code }, settings));
  if (!answer) return;
  // With anything else the counter has not said what became of it: it is asked again.
  const isTold = [200, 404, 409].includes(answer.status) || name(answer.said) === "need_not_declared";
  if (!isTold) return;
  await forget();
  if (["handed_over", "returned"].includes(answer.said.state)) trouble(say("order_booked", slip.number));
}

function take(means, { given, reference } = {}) {
  const { due, number, total, lines } = order.told;
  const slip = {
    number, at: new Date().toISOString(), tender: means, given, reference, total, due,
    change: means === "cash" ? given - due : 0,
    lines: lines.map((line) => ({ quantity: line.quantity, name: namesOf(line), amount: line.amount })),
  };
  return handOver(order.code, { means, amount: due, ...(reference && { reference }) }, slip);
}

// Listen to the forms; reach() asks the counter as the page does, and notes when there is no line.
export async function listen(settings, reach) {
  desk = { settings, reach };
  on("pickup", (form) => read(form.elements.product.value.trim()));
  on("order-cash", () => {
    const given = minor(at("order-given").value);
    const { due } = order.told;
    if (!(given >= due)) return trouble(say("too_little", money(due - (given || 0))));
    return take("cash", { given });
  });
  on("order-terminal", () => {
    const reference = at("order-reference").value.trim();
    if (!REFERENCE.test(reference) || CARD.test(reference)) return trouble(say("reference_wrong"));
    return take("card", { reference });
  });
  on("order-paid", () => handOver(order.code, null));
  on("order-given-back", giveBack);
  on("order-back", () => { trouble(); close(); at("pickup-code").focus(); });
  at("order-given").addEventListener("input", () => {
    if (order) showChange("order-change", minor(at("order-given").value), order.told.due);
  });
  const kept = await get("settings", "order");
  if (!kept?.slip || kept.isGivenBack) return;
  order = { code: kept.said.data.code, told: kept.told };
  show(true);
  trouble(say("order_waits"));
}

// Whether a code that is no coupon is a pick-up code: then its order is shown. Says nothing otherwise.
export async function isShown(code) {
  const answer = await asked(code);
  if (![200, 409].includes(answer?.status)) return false;
  trouble();
  if ((await get("settings", "order"))?.slip) trouble(say("order_first"));
  else await showRead(code, answer);
  return true;
}
