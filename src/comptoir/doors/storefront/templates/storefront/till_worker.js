// Keeps the till's page and its files for when the line is gone. What is sold is no matter of this script.

const NAME = "till-{{ version }}";
const PAGE = "{% url 'storefront:till' %}";
const FILES = [{% for each in files %}"{{ each }}"{% if not forloop.last %}, {% endif %}{% endfor %}];
const WAIT_MS = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(NAME);
    await cache.addAll([PAGE, ...FILES].map((each) => new Request(each, { cache: "reload" })));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const each of await caches.keys()) if (each.startsWith("till-") && each !== NAME) await caches.delete(each);
    await self.clients.claim();
  })());
});

// The page as the shop has it now, if it comes soon; otherwise as it was kept.
async function page(request) {
  const kept = await caches.match(PAGE, { ignoreVary: true });
  try {
    const answer = await fetch(request, kept ? { signal: AbortSignal.timeout(WAIT_MS) } : {});
    return answer.ok || !kept ? answer : kept;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== self.location.origin) return;
  if (address.pathname === PAGE) event.respondWith(page(event.request));
  else if (FILES.includes(address.pathname)) {
    event.respondWith(caches.match(event.request, { ignoreVary: true }).then((kept) => kept || fetch(event.request)));
  }
});
