// Keeps a part of a page true while somebody looks at it.
//
// An element says where it hears of a change and where its fresh content is:
//   <section id="balance" data-stream="/card/stream" data-fragment="/card/live">
// Each message of the stream makes the page fetch the fragment, one at a time; htmx puts it in place. While there is
// no stream, the part is fetched every other second instead. Without this script the page still reads well and has
// a link to look again. Not here: anything that decides; the server does that.

const POLL_MILLISECONDS = 2000;
const REOPEN_MILLISECONDS = 10000;

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
      await window.htmx.ajax("GET", fragment, { target: element, swap: "innerHTML" });
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
    source.addEventListener("changed", refresh);
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

document.querySelectorAll("[data-stream]").forEach(watch);
