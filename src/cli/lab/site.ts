// The built lab over http, for this machine alone. Imports node: only.

import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml', '.json': 'application/json', '.wasm': 'application/wasm', '.npy': 'application/octet-stream',
};

/** What threads need, and what keeps others out. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

/** A server of a folder's files: those that are there now, by their names, and nothing else. */
export async function siteOf(folder: string): Promise<Server> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const paths = new Map(files.map((file) => [`/${relative(folder, file).split(sep).join('/')}`, file]));
  return createServer((request, response) => answer(request, response, paths));
}

function answer({ method, url = '/', headers: { host } }: IncomingMessage, response: ServerResponse, paths: ReadonlyMap<string, string>): void {
  const [path = '/'] = url.split(/[?#]/);
  const file = paths.get(path === '/' ? '/index.html' : path);
  // Another name for this machine is another site's: a page there could read what is served here.
  const isLocal = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host ?? '');
  const status = !isLocal ? 403 : method !== 'GET' && method !== 'HEAD' ? 405 : file === undefined ? 404 : 200;
  if (status !== 200 || file === undefined) {
    response.writeHead(status, { ...headers, 'Content-Type': 'text/plain' }).end(`${status}\n`);
    return;
  }
  response.writeHead(200, { ...headers, 'Content-Type': types[extname(file)] ?? 'application/octet-stream' });
  if (method === 'HEAD') response.end();
  else createReadStream(file).on('error', () => response.destroy()).pipe(response);
}
