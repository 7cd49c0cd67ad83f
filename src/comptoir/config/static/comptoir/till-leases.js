// Points that were set aside at this till: spent when the line is gone, kept up while there is one, given back after.
//
// With a line, a lease ends two days from now, ever again, until the day is over for which it was set aside; so whenever
// the line goes, its whole time lies ahead. A till spends out of nothing that its counter might think over.

import { all, put, together } from "./till-keeping.js";
import { name, tell, worded } from "./till-line.js";
import { event } from "./till-sale.js";

const LEASE_SECONDS = 2 * 86_400;
// A browser's clock may drift; what is leased is not spent in the last fiftieth of its time.
const LEASE_PART = 0.98;
const RENEWED_MS = 6 * 3_600_000;
// A clock that shows less than it did before is not believed about the end of a lease.
const BACK_MS = 5_000;
// A late evening belongs to its day.
const DAY_ENDS_HOUR = 4;
// What the counter says of a lease with which nothing more can be done.
const OVER = ["lease_closed", "lease_lost", "lease_unknown", "lease_foreign"];

const left = (one) => one.points - one.spent;
const lastMoment = (one) => Math.min(one.stopsAt, one.lastDay ?? one.stopsAt);

async function digest(who, settings) {
  const said = new TextEncoder().encode(`${settings.salt}/${who.kind}/${who.value.trim().toLowerCase()}`);
  const hashed = new Uint8Array(await crypto.subtle.digest("SHA-256", said));
  return Array.from(hashed, (each) => each.toString(16).padStart(2, "0")).join("");
}

// When the day is over for which something is set aside: today's, or that of so many days later.
function endOfDay(now, days) {
  const end = new Date(now);
  if (end.getHours() >= DAY_ENDS_HOUR) end.setDate(end.getDate() + 1);
  end.setDate(end.getDate() + days);
  end.setHours(DAY_ENDS_HOUR, 0, 0, 0);
  return end.getTime();
}

export async function lease(sale, settings, { points, code, days }) {
  const who = await digest(sale.who, settings);
  const begun = Date.now(); // its time is counted from before it was asked for
  const one = {
    name: `till-${crypto.randomUUID()}`, who, points, spent: 0, sequence: 0, isGranted: false, madeAt: begun,
    askedAt: begun, stopsAt: begun + LEASE_SECONDS * 1000 * LEASE_PART, lastDay: endOfDay(begun, days),
  };
  await put("leases", one);
  const outcome = await tell(event("points.lease", {
    customer: sale.who, points, lease: one.name, expires_in: LEASE_SECONDS, proof: { kind: "code", value: code },
  }, settings), settings);
  if (outcome.status !== "accepted") {
    await together(["leases"], ({ leases }) => leases.delete(one.name));
    return worded(outcome.problem);
  }
  await put("leases", { ...one, isGranted: true });
  return "";
}

// What is set aside here, the oldest first, and when it ends.
export async function open() {
  const kept = await all("leases");
  return kept.filter((each) => each.isGranted && !each.isReturned)
    .sort((one, other) => (one.madeAt ?? 0) - (other.madeAt ?? 0))
    .map((each) => ({ ...each, left: left(each), ends: lastMoment(each) }));
}

// The lease out of which this customer can spend here now; or null, or "clock" if the till's clock is not believed.
export async function leaseOf(who, settings) {
  if (who?.kind !== "card") return null;
  const [mine, now] = [await digest(who, settings), Date.now()];
  return together(["leases", "settings"], async ({ leases, settings: store }, asking) => {
    const seen = (await asking(store.get("seen"))) ?? 0;
    if (now < seen - BACK_MS) return "clock";
    store.put(Math.max(seen, now), "seen");
    const usable = (await asking(leases.getAll())).filter(
      (each) => each.who === mine && each.isGranted && !each.isReturned && now < lastMoment(each) && left(each) > 0);
    // One that was asked for at a later time than it is now has an end that nobody can tell.
    const believed = usable.filter((each) => now >= (each.askedAt ?? 0) - BACK_MS);
    if (usable.length && !believed.length) return "clock";
    return believed.sort((one, other) => left(other) - left(one))[0] ?? null;
  });
}

// Give some back, or all that is set aside; told with the queue, after what was spent of it. What the sale at hand
// is paid with stays. Returns how many went.
export function giveBack(settings, names) {
  return together(["leases", "queue", "settings"], async ({ leases, queue, settings: store }, asking) => {
    const [kept, sale] = await Promise.all([asking(leases.getAll()), asking(store.get("sale"))]);
    const going = kept.filter((each) => each.isGranted && !each.isReturned && each.name !== sale?.points?.lease
      && (!names || names.includes(each.name)));
    for (const each of going) {
      leases.put({ ...each, isReturned: true });
      queue.add(event("points.lease_return", { lease: each.name, spends: each.sequence }, settings));
    }
    return going.length;
  });
}

// There is a line: the clock is believed again, what is over is given back, and what is not is kept up.
export async function tend(settings) {
  const now = Date.now();
  await put("settings", now, "seen");
  const kept = (await all("leases")).filter((each) => each.isGranted && !each.isReturned);
  await giveBack(settings, kept.filter((each) => now >= lastMoment(each)).map((each) => each.name));
  const due = kept.filter((each) => now < lastMoment(each)
    && (now >= (each.askedAt ?? 0) + RENEWED_MS || now < (each.askedAt ?? 0) - BACK_MS));
  for (const each of due) await renew(each, settings);
}

async function renew(one, settings) {
  const begun = Date.now();
  const said = event("points.lease_renew", { lease: one.name, expires_in: LEASE_SECONDS }, settings);
  const outcome = await tell(said, settings);
  if (outcome.status === "accepted") {
    await together(["leases"], async ({ leases }, asking) => {
      const current = await asking(leases.get(one.name));
      if (!current || current.isReturned) return;
      leases.put({ ...current, askedAt: begun, stopsAt: begun + LEASE_SECONDS * 1000 * LEASE_PART, lastDay: current.lastDay ?? current.stopsAt });
    });
  } else if (name(outcome.problem) === "lease_expired") await giveBack(settings, [one.name]);
  else if (OVER.includes(name(outcome.problem))) await together(["leases"], ({ leases }) => leases.delete(one.name));
}
