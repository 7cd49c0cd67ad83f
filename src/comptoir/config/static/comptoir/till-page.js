// The till's page as its scripts see it: its elements, its words, amounts as they are typed and shown, what is said.
//
// Not here: what a sale is, and what is asked of the counter.

export const BODY = document.body.dataset;
export const at = (id) => document.getElementById(id);
const words = Object.fromEntries([...document.querySelectorAll("[data-word]")].map((each) => [each.dataset.word, each.textContent]));
export const say = (word, n = "") => words[word].replace("%n", n);
const DIGITS = Number(BODY.digits);
const format = new Intl.NumberFormat(document.documentElement.lang, BODY.currency
  ? { style: "currency", currency: BODY.currency } : {});
export const money = (minor) => format.format(minor / 10 ** DIGITS);

// What the counter says in several languages, in this page's.
const LANGUAGE = document.documentElement.lang.split("-")[0];
export const spoken = (said) => said?.[LANGUAGE] || said?.en || "";

// An amount as it is typed, in minor units; NaN for anything else.
export function minor(text) {
  const typed = text.trim().replace(/[\s\u00a0]/g, "").replace(",", ".");
  return /^\d+(\.\d+)?$/.test(typed) ? Math.round(Number(typed) * 10 ** DIGITS) : NaN;
}

export const whole = (text) => /^\d{1,9}$/.test(text.trim()) ? Number(text.trim()) : NaN;

export function element(tag, text = "", attributes = {}) {
  const made = Object.assign(document.createElement(tag), attributes);
  if (text) made.textContent = text;
  return made;
}

export function trouble(text = "") {
  at("done").hidden = true;
  at("trouble").textContent = text;
  at("trouble").hidden = !text;
}

export function done(text) {
  trouble();
  at("done").textContent = text;
  at("done").hidden = false;
}

// What is to be given back of so much cash, or what is missing.
export function showChange(id, given, due) {
  const rest = given - due;
  at(id).textContent = Number.isNaN(rest) ? "" : rest < 0 ? say("too_little", money(-rest)) : say("change", money(rest));
}

// Lead whoever types on to a field, unless they are typing somewhere else by now.
export function lead(id) {
  if (!document.activeElement?.matches("input, select") || document.activeElement.disabled) at(id).focus();
}

// What went wrong is said; the page may know more to do about it.
let whenWrong = (error) => trouble(say("refused", error.message));
export const wrong = (error) => whenWrong(error);
export const onWrong = (work) => { whenWrong = work; };

// Let a form or a button do its work, once at a time; what goes wrong is said.
export function on(id, work) {
  at(id).addEventListener(at(id).tagName === "FORM" ? "submit" : "click", async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const buttons = form.tagName === "FORM" ? form.querySelectorAll("button") : [form];
    if ([...buttons].some((each) => each.dataset.busy)) return;
    buttons.forEach((each) => { each.dataset.busy = "1"; });
    try {
      await work(form);
    } catch (error) {
      await wrong(error);
    } finally {
      buttons.forEach((each) => { delete each.dataset.busy; });
    }
  });
}
