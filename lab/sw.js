// Keeps the files of one build, so that the page works offline; another build has another cache.
const CACHE_NAME = 'CACHE';
const FILES = [/* FILES */];

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE_NAME).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  const drop = (names) => Promise.all(names.filter((name) => name.startsWith('evenkeel-lab-') && name !== CACHE_NAME).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(drop).then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  if (event.request.method !== 'GET' || new URL(event.request.url).origin !== self.location.origin) return;
  const fromCache = caches.match(event.request, { ignoreSearch: true });
  event.respondWith(fromCache.then((found) => found ?? (event.request.mode === 'navigate' ? caches.match('./index.html') : null) ?? fetch(event.request)).then((found) => found ?? fetch(event.request)));
});
