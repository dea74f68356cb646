/// <reference types="vite/client" />
// What rows ask of node:fs, node:path and node:url, in a page: files of the tree, fetched from whoever serves the page.

/** Where Vite lists what lies beside the rows; fetch can read a folder's files but not list them. */
const stored = Object.keys(import.meta.glob('../oracle/*', { query: '?url' })).map((path) => path.replace(/^.*\//, ''));

export function readdir(): Promise<string[]> {
  return Promise.resolve(stored);
}

export async function readFile(path: string | URL, _encoding: 'utf8'): Promise<string> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`HTTP status ${response.status} for ${String(path)}`);
  return response.text();
}

export function readFileSync(path: string | URL, _encoding: 'utf8'): string {
  const request = new XMLHttpRequest();
  request.open('GET', path, false);
  request.send();
  if (request.status !== 200) throw new Error(`HTTP status ${request.status} for ${String(path)}`);
  return request.responseText;
}

export const fileURLToPath = (url: URL): string => url.pathname;
export const join = (...parts: readonly string[]): string => parts.join('/');
export const basename = (path: string, ending = ''): string => path.replace(/^.*\//, '').replace(ending, '');
