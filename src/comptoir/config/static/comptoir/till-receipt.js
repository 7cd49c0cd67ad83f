// What a customer takes along on paper: the slip of a sale, or of an order that was paid where it was handed over.

import { BODY, at, element, money, say } from "./till-page.js";

const when = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

let shown = null;
export const isInSight = (slip) => slip === shown && !at("receipt").hidden;

// Show a slip under its title; codes of gift cards that are shown this once, and notes, stand below it. It gets the focus when it is new.
// What each line has earned (points) stands under it, once the counter has said so.
export function showSlip(slip, source, { title, codes = [], notes = [], earned = [], isNew = true }) {
  const table = element("table", "", { className: "till-slip" });
  const put = (what, amount, className = "") => {
    const row = element("tr", "", { className });
    row.append(element("td", what), element("td", amount));
    table.append(row);
    return row;
  };
  for (const [index, each] of slip.lines.entries()) {
    const row = put(`${each.quantity} × ${each.name}${each.percent ? ` · ${each.percent} %` : ""}`, money(each.amount ?? each.price * each.quantity));
    if (earned[index]) row.cells[0].append(element("div", say("earned", String(earned[index])), { className: "small soft" }));
  }
  for (const each of slip.cards ?? []) put(say("gift_number", each.number), money(each.amount));
  if (slip.discount) put(say("discount"), `−${money(slip.discount)}`);
  if (slip.added) put(say("tax_on_top"), money(slip.added));
  put(say("total"), money(slip.total), "sum");
  for (const each of slip.taxes ?? []) put(say("tax_of", each.percent).replace("%m", money(each.net + each.tax)), money(each.tax), "small soft");
  if (slip.points?.worth) put(say("points_paid", String(slip.points.points)), `−${money(slip.points.worth)}`);
  for (const each of slip.paidBy ?? []) {
    if (each.amount) put(`${say("gift_number", each.number)} · ${say("gift_left", money(each.left))}`, `−${money(each.amount)}`);
  }
  if (slip.tender === "cash") {
    put(say("cash"), money(slip.given));
    put(say("back"), money(slip.change));
  } else if (slip.tender === "card") put(say("card", slip.reference), money(slip.due));
  at("receipt-title").textContent = title;
  at("slip").replaceChildren(
    // Whoever sold it stands on it: an invoice has to say so.
    element("p", BODY.shop, { className: "till-shop" }), element("p", when.format(new Date(slip.at)), { className: "small soft" }),
    element("p", source, { className: "small soft" }), table,
    ...codes.map((code) => {
      const said = element("p", say("gift_code"), { className: "small" });
      said.append(element("strong", code, { className: "till-code" }));
      return said;
    }),
    ...[BODY.registration, ...notes].filter(Boolean).map((each) => element("p", each, { className: "small" })));
  shown = slip;
  at("receipt").hidden = false;
  if (isNew) at("receipt").focus();
}
