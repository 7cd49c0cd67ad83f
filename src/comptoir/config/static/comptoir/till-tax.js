// The tax of a sale, as the basket's page and the checkout reckon it (counter/taxes/rules.py): each rate's tax is rounded
// once, over everything under that rate. Of prices that include it, it is a part; on the others it comes on top.
//
// A line says its rate in thousandths of a percent, and whether its tax comes on top; without a rate nobody knows.

import { BODY } from "./till-page.js";

const WHOLE = 100_000n;

function rounded(over, under) {
  return BODY.rounding === "down" ? over / under : (2n * over + under) / (2n * under);
}

// Split an amount by weights, by largest remainder; without any weight the last one has it all.
export function shares(amount, weights) {
  const [of, parts] = [BigInt(amount), weights.map(BigInt)];
  const whole = parts.reduce((sum, each) => sum + each, 0n);
  if (!whole) return parts.map((_each, index) => index === parts.length - 1 ? amount : 0);
  const found = parts.map((each) => Number(of * each / whole));
  const rest = parts.map((each, index) => ({ index, left: of * each % whole }))
    .sort((one, other) => one.left === other.left ? one.index - other.index : one.left > other.left ? -1 : 1);
  const missing = amount - found.reduce((sum, each) => sum + each, 0);
  for (const { index } of rest.slice(0, missing)) found[index] += 1;
  return found;
}

// Of what is paid for each line: the tax by rate, the highest first, what comes on top of all of it, and of each line.
export function settle(lines) {
  const rates = new Map();
  lines.forEach(({ amount, rate, isOnTop }, index) => {
    if (!BODY.rounding || rate === undefined || rate === null) return;
    const sums = rates.get(rate) ?? { inside: 0n, outside: 0n, hasOutside: false, those: [] };
    if (isOnTop) {
      Object.assign(sums, { outside: sums.outside + BigInt(amount), hasOutside: true });
      sums.those.push(index);
    } else sums.inside += BigInt(amount);
    rates.set(rate, sums);
  });
  const found = { taxes: [], added: 0, onTop: lines.map(() => 0) };
  for (const [number, { inside, outside, hasOutside, those }] of [...rates].sort(([one], [other]) => other - one)) {
    const rate = BigInt(number);
    const tax = rounded(inside * rate * WHOLE + outside * rate * (WHOLE + rate), WHOLE * (WHOLE + rate));
    const part = rounded(inside * rate, WHOLE + rate);
    const included = !hasOutside || part > tax ? tax : part;
    found.added += Number(tax - included);
    shares(Number(tax - included), those.map((index) => lines[index].amount))
      .forEach((part, place) => { found.onTop[those[place]] = part; });
    found.taxes.push({ percent: percent(number), net: Number(inside + outside - included), tax: Number(tax) });
  }
  return found;
}

// 20, 5.5: with no more digits than it has.
export const percent = (rate) => String(rate / 1000);
