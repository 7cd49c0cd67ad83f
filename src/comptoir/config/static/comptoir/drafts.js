// Keeps what a member types until the shop has it: across a reload, a crash, an evening.
//
// A form that is kept has a name, and says under which name of the square it is written:
//   <form data-draft="reply.0f9e…"> … <div hidden data-restored> … <button type="button" data-discard></div></form>
//   <meta name="comptoir-writer" content="MARK KEY">
// What is typed lies in this browser, sealed with a key that only this member's own pages bring: after they have left,
// nobody reads it, and leaving throws it away. When the shop has taken a text, it says so in a cookie with the form's
// name. Without this script a refused form still comes back filled.

const PREFIX = "comptoir-draft.";
const DAYS_KEPT = 14;
const CHARACTERS_MAX = 40000;
const DRAFTS_MAX = 20;
const CONFIRMED = "comptoir-taken";

const writer = document.querySelector('meta[name="comptoir-writer"]')?.content.split(" ");

function bytes(text) {
  return Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
}

function drafts() {
  return Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
}

function forget(name) {
  localStorage.removeItem(name);
}

// Oldest first: each begins with the time at which it was kept.
function prune() {
  const oldest = Date.now() - DAYS_KEPT * 86400000;
  const kept = drafts().map((name) => [Number(localStorage.getItem(name).split(" ")[0]), name]).sort((a, b) => a[0] - b[0]);
  kept.forEach(([at, name], number) => {
    if (!(at > oldest) || number < kept.length - DRAFTS_MAX) forget(name);
  });
}

function fields(form) {
  return [...form.elements].filter((each) => each.name && each.matches("textarea, select, input:not([type=hidden], [type=file])"));
}

function read(form) {
  const said = {};
  for (const each of fields(form)) {
    if (each.type === "checkbox" || each.type === "radio") {
      if (each.checked) said[each.name] = each.value;
    } else {
      said[each.name] = each.value;
    }
  }
  return said;
}

function fill(form, said) {
  for (const each of fields(form)) {
    if (each.type === "checkbox" || each.type === "radio") each.checked = said[each.name] === each.value;
    else if (each.name in said) each.value = said[each.name];
  }
}

function lines(form) {
  return fields(form).filter((each) => each.matches("textarea, input:not([type])"));
}

function isFilled(form) {
  return lines(form).some((each) => each.value.trim());
}

function isTyped(form) {
  return lines(form).some((each) => each.value.trim() !== each.defaultValue.trim());
}

async function watch(form, key, mark) {
  const name = `${PREFIX}${mark}.${form.dataset.draft}`;
  const number = form.elements.namedItem("post");
  const notice = form.querySelector("[data-restored]");
  let turn = 0;

  async function keep() {
    const mine = ++turn;
    // What came back refused is kept as it is: its number is another one now.
    if (!("refused" in form.dataset ? isFilled(form) : isTyped(form))) {
      forget(name);
      return;
    }
    const text = JSON.stringify({ post: number?.value, said: read(form) });
    if (text.length > CHARACTERS_MAX) return;
    const nonce = crypto.getRandomValues(new Uint8Array(12));
    const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, new TextEncoder().encode(text)));
    if (mine !== turn) return;
    const all = new Uint8Array([...nonce, ...sealed]);
    try {
      localStorage.setItem(name, `${Date.now()} ${btoa(Array.from(all, (each) => String.fromCharCode(each)).join(""))}`);
      form.dataset.kept = String(lines(form).reduce((sum, each) => sum + each.value.length, 0));
    } catch {
      // Full, or forbidden: the form works all the same.
    }
  }

  async function restore() {
    const found = localStorage.getItem(name);
    if (found === null || "refused" in form.dataset) return;
    try {
      const all = bytes(found.split(" ")[1]);
      const opened = await crypto.subtle.decrypt({ name: "AES-GCM", iv: all.slice(0, 12) }, key, all.slice(12));
      const { post, said } = JSON.parse(new TextDecoder().decode(opened));
      // Somebody was faster than we were.
      if (isTyped(form)) return;
      fill(form, said);
      // The same number again: what the shop has taken already, it does not take twice.
      if (number && post) number.value = post;
      if (notice) notice.hidden = false;
      form.querySelectorAll("details").forEach((each) => {
        if (each.querySelector("input:checked")) each.open = true;
      });
    } catch {
      forget(name);
    }
  }

  form.addEventListener("input", keep);
  form.addEventListener("change", keep);
  form.addEventListener("submit", keep);
  notice?.querySelector("[data-discard]").addEventListener("click", () => {
    turn += 1;
    forget(name);
    // A form is begun anew with the number that came with the page.
    form.reset();
    if (number) number.value = number.defaultValue;
    notice.hidden = true;
    form.querySelector("textarea, input:not([type=hidden])")?.focus();
  });
  await restore();
  if ("refused" in form.dataset) await keep();
  form.dataset.watched = "";
}

// The shop has taken a text: it is kept no more.
function confirm(mark) {
  for (const each of document.cookie.split("; ")) {
    const [name, value] = each.split("=");
    if (name !== CONFIRMED || !value) continue;
    for (const taken of value.split("|")) forget(`${PREFIX}${mark}.${taken}`);
    document.cookie = `${CONFIRMED}=; Path=/; Max-Age=0; SameSite=Lax`;
  }
}

async function begin() {
  prune();
  const [mark, secret] = writer;
  confirm(mark);
  addEventListener("pageshow", () => confirm(mark));
  document.querySelector("form[data-leave]")?.addEventListener("submit", () => drafts().forEach(forget));
  if (!globalThis.crypto?.subtle) return;
  const key = await crypto.subtle.importKey("raw", bytes(secret), "AES-GCM", false, ["encrypt", "decrypt"]);
  await Promise.all([...document.querySelectorAll("form[data-draft]")].map((form) => watch(form, key, mark)));
}

if (writer?.length === 2) begin();
