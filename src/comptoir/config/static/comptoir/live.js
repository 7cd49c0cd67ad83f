// Keeps a part of a page true while somebody looks at it.
//
// An element says where it hears of a change and where its fresh content is:
//   <section id="balance" data-stream="/card/stream" data-fragment="/card/live">
// Each message of the stream makes the page fetch the fragment, one at a time; htmx puts it in place. When the
// stream fails for good, the part is fetched every few seconds instead. Without this script the page still reads
// well and has a link to look again. Not here: anything that decides; the server does that.

const POLL_MILLISECONDS = 2000;
const GIVE_UP_AFTER = 4;

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
      await window.htmx.ajax("GET", fragment, { target: element, swap: "innerHTML" });
      element.dispatchEvent(new CustomEvent("house:refreshed", { bubbles: true }));
    } finally {
      busy = false;
    }
    if (again) {
      again = false;
      refresh();
    }
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
  let failures = 0;
  function open() {
    source = new EventSource(stream);
    source.addEventListener("ready", () => {
      // What happened between the page and the stream is fetched once.
      failures = 0;
      stopPolling();
      show("stream");
      refresh();
    });
    source.addEventListener("changed", refresh);
    source.addEventListener("error", () => {
      failures += 1;
      show("waiting");
      if (source.readyState === EventSource.CLOSED || failures >= GIVE_UP_AFTER) {
        startPolling();
      }
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(open, POLL_MILLISECONDS * 5);
      }
    });
  }

  open();
  // A page that was left keeps no connection open; one that comes back looks again.
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => event.persisted && open());
}

document.querySelectorAll("[data-stream]").forEach(watch);
