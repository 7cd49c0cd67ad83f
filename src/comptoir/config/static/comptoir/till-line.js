// The till's line: what it asks, and the queue of what it has to tell, which is sent in order, each event once.
//
// An event keeps its id for as long as it waits. It leaves the queue when its outcome is here; if an answer is lost, the
// same event goes again, and the counter answers as it did before. Two tabs of one till take turns (Web Locks).

import { together, waiting } from "./till-keeping.js";

const AT_ONCE = 20;
const BYTES_MAX = 48_000;
const WAIT_MS = 8_000;
// Given back to be safe, after an answer that was lost: there may have been nothing.
const TO_BE_SAFE = ["points.void", "coupon.release", "gift_card.void", "gift_card.issue"];

// A gift card waits in the queue only when nothing has come of its sale: if there is one by now, it is stopped.
const stopping = (issued) => ({
  ...issued, id: crypto.randomUUID(), type: "gift_card.stop", time: new Date().toISOString(),
  data: { code: issued.data.code, because: "mistake" },
});
// What was refused stays here for staff to see, without a code that somebody could use.
const withoutCode = (event) => event.data.code ? { ...event, data: { ...event.data, code: undefined } } : event;

export class Away extends Error {}

// Ask or tell something by way of the till's page; throws Away if there is no line.
export async function ask(what, content, settings, type = "application/json") {
  let answer;
  try {
    answer = await fetch(`/till/ask/${what}`, {
      method: "POST", body: JSON.stringify(content), signal: AbortSignal.timeout(WAIT_MS), credentials: "omit",
      headers: { Authorization: `Bearer ${settings.key}`, "Content-Type": type },
    });
    if (answer.status >= 500) throw new Away(String(answer.status));
    return { status: answer.status, said: await answer.json().catch(() => ({})) };
  } catch {
    throw new Away();
  }
}

export async function articles(query) {
  try {
    const answer = await fetch(`/till/articles?${new URLSearchParams(query)}`,
      { signal: AbortSignal.timeout(WAIT_MS), credentials: "omit" });
    if (!answer.ok) throw new Away(String(answer.status));
    return (await answer.json()).articles;
  } catch {
    throw new Away();
  }
}

export const name = (problem) => String(problem?.type ?? "").split(":").at(-1);
// What is wrong in the counter's own words, or by its name where it says none.
export const worded = (problem) => problem?.detail || problem?.title || name(problem);

// With these the counter has looked at nothing that was said: what it decided of the same event before still holds.
const UNDECIDED = [401, 403, 413, 429];

// Tell one event now, without the queue: what has to be decided before the sale goes on. Its id makes a repeat safe. An
// outcome that is undecided refuses the asking alone: whoever asks again may not take it for an answer to the first time.
export async function tell(event, settings) {
  const { status, said } = await ask("events", [event], settings, "application/cloudevents-batch+json");
  const outcome = said.outcomes?.[0] ?? { status: "refused", problem: said };
  const isUndecided = said.outcomes ? name(outcome.problem) === "too_many_attempts" : UNDECIDED.includes(status);
  return { ...outcome, isUndecided };
}

// Make sure that the counter answers, when nothing is said that would show it; throws Away if it does not.
export async function hears(settings) {
  const nothing = { basket: [{ product: "0", quantity: 1, amount: 0 }], source: settings.source };
  const { status } = await ask("price", nothing, settings);
  if (status === 429) throw new Away();
}

// Send what waits, the oldest first, until nothing waits or the line is gone. Calls heard(event, outcome) for each.
export function flush(settings, heard) {
  return navigator.locks.request("comptoir-till-queue", async () => {
    for (;;) {
      const next = [];
      let bytes = 0;
      for (const each of await waiting(AT_ONCE)) {
        bytes += JSON.stringify(each.event).length;
        if (next.length && bytes > BYTES_MAX) break;
        next.push(each);
      }
      if (!next.length) return;
      const events = next.map((each) => each.event);
      const { status, said } = await ask("events", events, settings, "application/cloudevents-batch+json");
      if (said.outcomes?.length !== next.length) throw new Error(`${status} ${name(said)}`);
      await together(["queue", "refused", "leases"], ({ queue, refused, leases }) => {
        next.forEach(({ place, event }, index) => {
          const outcome = said.outcomes[index];
          queue.delete(place);
          if (outcome.status === "refused" && !TO_BE_SAFE.includes(event.type)) refused.add({ event: withoutCode(event), problem: outcome.problem });
          if (event.type === "gift_card.issue" && outcome.status === "accepted") queue.add(stopping(event));
          if (event.type === "points.lease_return") leases.delete(event.data.lease);
        });
      });
      next.forEach(({ event }, index) => heard(event, said.outcomes[index]));
    }
  });
}
