// Lets this browser show what is new: asks it, and sends what it says straight to the vault.
//
// <section data-devices data-key="…" data-ticket="/letters/devices/ticket"> holds paragraphs with data-when, of which
// one is shown, the form that leads to the vault, and the list, each with data-number. What the browser says of itself
// goes in the form's own body to the vault and nowhere else; here stays the number under which the vault keeps it.

const NUMBER = "comptoir-device";
const SCOPE = "/letters/";

const section = document.querySelector("[data-devices]");
const form = section?.querySelector("form[data-subscribe]");

function show(when) {
  for (const each of section.querySelectorAll("[data-when]")) each.hidden = each.dataset.when !== when;
  if (form) form.hidden = when !== "ready" && when !== "failed";
}

function kind() {
  const agent = navigator.userAgent;
  if (/iPad|Tablet|Android(?!.*Mobile)/.test(agent)) return "tablet";
  return /Mobi|iPhone/.test(agent) ? "phone" : "computer";
}

function bytes(text) {
  const filled = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(filled), (each) => each.charCodeAt(0));
}

async function registered() {
  return navigator.serviceWorker.getRegistration(SCOPE);
}

async function ready(registration) {
  const worker = registration.installing || registration.waiting;
  if (registration.active || !worker) return registration;
  await new Promise((done) => worker.addEventListener("statechange", () => worker.state === "activated" && done()));
  return registration;
}

async function unsubscribe() {
  localStorage.removeItem(NUMBER);
  const former = await (await registered())?.pushManager.getSubscription();
  await former?.unsubscribe();
}

async function subscribe() {
  if (await Notification.requestPermission() !== "granted") return show("denied");
  const registration = await ready(await navigator.serviceWorker.register("/letters/worker.js", {scope: SCOPE}));
  // Whoever used this browser before is not heard of here any more.
  await (await registration.pushManager.getSubscription())?.unsubscribe();
  const made = await registration.pushManager.subscribe(
    {userVisibleOnly: true, applicationServerKey: bytes(section.dataset.key)});
  const answer = await fetch(section.dataset.ticket, {
    method: "POST", headers: {"X-CSRFToken": form.querySelector("[data-token]").dataset.token}});
  if (!answer.ok) throw new Error(String(answer.status));
  const given = await answer.json();
  form.elements.ticket.value = given.ticket;
  form.elements.number.value = given.number;
  form.elements.device.value = kind();
  form.elements.subscription.value = JSON.stringify(made);
  localStorage.setItem(NUMBER, given.number);
  form.submit();
}

function mark() {
  const mine = section.querySelector(`[data-number="${CSS.escape(localStorage.getItem(NUMBER) || "")}"]`);
  if (!mine) return false;
  mine.querySelector("[data-this]").hidden = false;
  // Ended here, it is ended at the browser as well.
  mine.querySelector("[name=end]").addEventListener("click", () => void unsubscribe());
  return true;
}

if (section) {
  const isMine = mark();
  if (!form) show("off");
  else if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) show("unsupported");
  else if (isMine && Notification.permission === "granted") show("on");
  else if (Notification.permission === "denied") show("denied");
  else show("ready");
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    subscribe().catch(() => show("failed")).finally(() => (button.disabled = false));
  });
}
