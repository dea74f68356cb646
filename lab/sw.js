// Keeps the files of one build, so that the page works offline; another build has another cache.
const CACHE_NAME = 'CACHE';
const FILES = [/* FILES */];

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE_NAME).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(dropOthers().then(() => self.clients.claim()));
});

async function dropOthers() {
  const names = await caches.keys();
  const others = names.filter((name) => name.startsWith('evenkeel-lab-') && name !== CACHE_NAME);
  await Promise.all(others.map((name) => caches.delete(name)));
}

self.addEventListener('fetch', (event) => {
  if (event.request.method !== 'GET' || new URL(event.request.url).origin !== self.location.origin) return;
  event.respondWith(answer(event.request));
});

async function answer(request) {
  const cache = await caches.open(CACHE_NAME);
  const found = await cache.match(request.mode === 'navigate' ? './index.html' : request, { ignoreSearch: true });
  return found ?? fetch(request);
}
