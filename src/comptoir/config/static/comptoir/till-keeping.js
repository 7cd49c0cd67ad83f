// What a till keeps in its browser (IndexedDB): its key, what it sold and not yet told, prices, leases, receipts.
//
// What belongs together is written in one transaction, so that a crash leaves all of it or nothing.

const NAME = "comptoir-till";
const STORES = {
  settings: {}, queue: { autoIncrement: true }, refused: { autoIncrement: true }, articles: { keyPath: "sku" },
  leases: { keyPath: "name" }, receipts: { keyPath: "receipt" },
};

const asked = (request) => new Promise((done, failed) => {
  request.onsuccess = () => done(request.result);
  request.onerror = () => failed(request.error);
});

let opened;
function database() {
  opened ??= new Promise((done, failed) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      for (const [name, options] of Object.entries(STORES)) {
        const store = request.result.createObjectStore(name, options);
        if (name === "articles") store.createIndex("gtin", "gtin");
      }
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  return opened;
}

// Do some work in one transaction; its result comes when all of it is on the disk. The work awaits nothing else.
export async function together(names, work) {
  const transaction = (await database()).transaction(names, "readwrite", { durability: "strict" });
  const stores = Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)]));
  const finished = new Promise((done, failed) => {
    transaction.oncomplete = done;
    transaction.onabort = () => failed(transaction.error ?? new Error("given up"));
  });
  let result;
  try {
    result = await work(stores, asked);
  } catch (error) {
    try { transaction.abort(); } catch { /* it is over already */ }
    await finished.catch(() => {});
    throw error;
  }
  await finished;
  return result;
}

export const get = (name, key) => together([name], (stores, ask) => ask(stores[name].get(key)));
export const put = (name, value, key) => together([name], (stores, ask) => ask(stores[name].put(value, key)));
export const all = (name) => together([name], (stores, ask) => ask(stores[name].getAll()));

// An article by its SKU or by the number of its bars, with or without leading noughts.
export function article(number) {
  const bare = number.replace(/^0+/, "");
  const numbers = /^\d+$/.test(number) ? [8, 12, 13, 14].map((size) => bare.padStart(size, "0")) : [];
  return together(["articles"], async ({ articles }, ask) => {
    for (const each of numbers) {
      const found = await ask(articles.index("gtin").get(each));
      if (found) return found;
    }
    return ask(articles.get(number));
  });
}

export async function keepArticles(list) {
  await together(["articles"], ({ articles }) => list.forEach((each) => articles.put(each)));
}

// The next events to tell, the oldest first, each with its place in the queue.
export function waiting(most) {
  return together(["queue"], async ({ queue }, ask) => {
    const [places, events] = await Promise.all([ask(queue.getAllKeys(null, most)), ask(queue.getAll(null, most))]);
    return places.map((place, index) => ({ place, event: events[index] }));
  });
}
