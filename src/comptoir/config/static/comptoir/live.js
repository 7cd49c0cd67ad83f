// Keeps a part of a page true while somebody looks at it.
//
// An element says where it hears of a change and where its fresh content is:
//   <section id="balance" data-stream="/card/stream" data-fragment="/card/live">
// Each message of the stream makes the page fetch the fragment, one at a time; htmx puts it in place. While there is
// no stream, the part is fetched every other second instead. Without this script the page still reads well and has
// a link to look again.
//
// A code that runs out says where the next one is, and after how many seconds:
//   <div data-renewed="/card/code" data-seconds="30"><div data-code="…">…</div></div>
// A part that changes for a while only is fetched every so many seconds, until it says that it has ended:
//   <div data-looked="/campaigns/…?part=sending" data-seconds="3">…</div>, which in the end has <p data-ended>
// Not here: anything that decides; the server does that.

const POLL_MILLISECONDS = 2000;
const REOPEN_MILLISECONDS = 10000;
// Codes change once a second: one that was used within the second it was made is followed by itself.
const RETRY_MILLISECONDS = 1500;

// The fields of an element into which one types, each with what it belongs to: its form, what the form is about, its name.
function fieldsOf(element) {
  const ours = ["csrfmiddlewaretoken", "request"];
  return [...element.querySelectorAll("input:not([type=hidden], [type=checkbox], [type=radio]), textarea")].map((each) => {
    const about = [...(each.form?.querySelectorAll("input[type=hidden]") ?? [])].filter(({ name }) => !ours.includes(name));
    return [[each.form?.getAttribute("action"), ...about.map(({ value }) => value), each.name].join("\n"), each];
  });
}

function watch(element) {
  const { stream, fragment, least } = element.dataset;
  const leastMilliseconds = Number(least || 0);
  let busy = false;
  let again = false;
  let last = 0;

  async function refresh() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const pause = last + leastMilliseconds - Date.now();
      if (pause > 0) {
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
      last = Date.now();
      const before = values();
      await window.htmx.ajax("GET", fragment, { source: element, target: element, swap: "innerHTML" });
      values().forEach((value, index) => mark(index, before[index] !== undefined && value !== before[index]));
    } catch {
      // The house does not answer just now. The next message, or the next look, tries again.
    } finally {
      busy = false;
    }
    if (again) {
      again = false;
      refresh();
    }
  }

  function values() {
    return [...element.querySelectorAll("[data-value]")].map((each) => each.dataset.value);
  }

  // What has just changed is drawn to the eye, for those who want motion.
  function mark(index, hasChanged) {
    element.querySelectorAll("[data-value]")[index].classList.toggle("changed", hasChanged);
  }

  // What somebody has begun to type or choose stays, and so does the place where they type.
  let begun = new Map();
  let typing = null;
  element.addEventListener("htmx:beforeSwap", () => {
    const fields = fieldsOf(element);
    begun = new Map(fields.filter(([, each]) => each.value !== each.defaultValue).map(([key, each]) => [key, each.value]));
    typing = fields.find(([, each]) => each === document.activeElement)?.[0] ?? null;
  });
  element.addEventListener("htmx:afterSwap", () => {
    for (const [key, each] of fieldsOf(element)) {
      if (begun.has(key)) {
        each.value = begun.get(key);
      }
      if (key === typing) {
        each.focus({ preventScroll: true });
      }
    }
  });

  function show(state) {
    document.documentElement.dataset.live = state;
  }

  let poll = null;
  function startPolling() {
    poll ??= setInterval(() => document.hidden || refresh(), POLL_MILLISECONDS);
    show("polling");
  }

  function stopPolling() {
    clearInterval(poll);
    poll = null;
  }

  let source = null;
  function open() {
    source = new EventSource(stream);
    source.addEventListener("ready", () => {
      stopPolling();
      show("stream");
      // What happened between the page and the stream is fetched once.
      refresh();
    });
    source.addEventListener("changed", () => {
      refresh();
      // The change may be what the code was used for.
      document.dispatchEvent(new Event("comptoir:changed"));
    });
    source.addEventListener("error", () => {
      startPolling();
      // The browser opens a broken stream again by itself, but not one that was refused.
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(open, REOPEN_MILLISECONDS);
      }
    });
  }

  open();
  // A page that was left keeps no connection open; one that comes back looks again.
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => event.persisted && open());
}

// Whoever is no longer known here (a session ended) sees the page that says so.
document.addEventListener("htmx:responseError", (event) => {
  if ([401, 403].includes(event.detail.xhr.status)) {
    window.location.reload();
  }
});

function renew(element) {
  const { renewed, seconds } = element.dataset;
  const pause = Number(seconds) * 1000;
  let shownAt = Date.now();
  let timer = null;

  function shownCode() {
    return element.querySelector("[data-code]")?.dataset.code;
  }

  async function next() {
    clearTimeout(timer);
    const before = shownCode();
    try {
      await window.htmx.ajax("GET", renewed, { source: element, target: element, swap: "innerHTML" });
    } catch {
      // The house does not answer just now; the next try is on its way.
    }
    const isNew = shownCode() !== before;
    if (isNew) {
      shownAt = Date.now();
    }
    judge();
    timer = setTimeout(next, isNew ? pause : RETRY_MILLISECONDS);
  }

  // A code is good for twice as long as it is shown. One that has run out is not shown as if it were good.
  function judge() {
    element.toggleAttribute("data-over", Date.now() - shownAt >= 2 * pause);
  }

  timer = setTimeout(next, pause);
  document.addEventListener("comptoir:changed", next);
  // A telephone that was in a pocket shows the next one at once.
  document.addEventListener("visibilitychange", () => {
    judge();
    if (!document.hidden && Date.now() - shownAt >= pause) {
      next();
    }
  });
}

function look(element) {
  const { looked, seconds } = element.dataset;
  async function next() {
    if (!document.hidden) {
      try {
        await window.htmx.ajax("GET", looked, { source: element, target: element, swap: "innerHTML" });
      } catch {
        // The house does not answer just now; the next look is on its way.
      }
    }
    if (!element.querySelector("[data-ended]")) {
      setTimeout(next, Number(seconds) * 1000);
    }
  }
  document.documentElement.dataset.live = "polling";
  setTimeout(next, Number(seconds) * 1000);
}

document.querySelectorAll("[data-stream]").forEach(watch);
document.querySelectorAll("[data-looked]").forEach(look);
document.querySelectorAll("[data-renewed]").forEach(renew);
