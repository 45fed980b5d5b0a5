/**
 * The page offline. Network first, so that a bundle converted again shows at once; what was fetched is kept and answers
 * when there is no network. The page names the files of its first visit, which were fetched before this worker ran.
 *
 * It is registered under its bundle's version (sw.js?version=...), which has a cache of its own; older ones are deleted.
 */
const worker = /** @type {any} */ (self); // whose types are not those of a page
const PREFIX = "linelet-";
const CACHE = PREFIX + new URL(worker.location.href).searchParams.get("version");

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (event) => event.waitUntil(Promise.all([deleteOlder(), worker.clients.claim()])));

worker.addEventListener("message", (event) => {
  const kept = (ok) => event.source.postMessage(ok ? "kept" : "not kept");
  const keeping = caches.open(CACHE).then((cache) => cache.addAll(event.data.files));
  event.waitUntil(keeping.then(() => kept(true), () => kept(false)));
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== worker.location.origin) return;
  event.respondWith(answer(request, (keeping) => event.waitUntil(keeping)));
});

async function deleteOlder() {
  const names = await caches.keys();
  const older = names.filter((name) => (name.startsWith(PREFIX) || name === "linelet") && name !== CACHE);
  await Promise.all(older.map((name) => caches.delete(name)));
}

async function answer(request, waitUntil) {
  let response;
  try {
    response = await fetch(request, { cache: "no-cache" }); // asks whether the file has changed, whatever the server allows
  } catch (failure) {
    const cache = await caches.open(CACHE);
    const kept = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
    if (kept) return kept;
    throw failure;
  }
  if (response.ok) waitUntil(keep(request, response.clone()));
  return response;
}

/** Storage that is full or forbidden never spoils an answer that the network gave. */
async function keep(request, response) {
  try {
    await (await caches.open(CACHE)).put(request, response);
  } catch (failure) {
    console.info("This file will not be there offline:", request.url, failure);
  }
}
