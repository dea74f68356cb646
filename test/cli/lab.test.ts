// evenkeel lab: the built page on this machine's loopback, with the headers that threads need, and nothing else of the disk.
import { request } from 'node:http';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { siteOf } from '../../src/cli/lab/site.js';
import { evenkeel, interrupted } from './cli.js';

let folder = '';
let port = 0;
let close = (): void => undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evenkeel-lab-'));
  await mkdir(join(folder, 'site', 'assets'), { recursive: true });
  await writeFile(join(folder, 'secret.txt'), 'secret');
  await writeFile(join(folder, 'site', 'index.html'), '<!doctype html>');
  await writeFile(join(folder, 'site', 'assets', 'main.js'), 'export {};');
  const server = await siteOf(join(folder, 'site'));
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  // A server that listens on a port has an address of this form.
  ({ port } = server.address() as AddressInfo);
  close = () => void server.close();
});
afterAll(async () => {
  close();
  await rm(folder, { recursive: true });
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Not fetch, which tidies paths up. */
function ask(path: string, method = 'GET', host = `127.0.0.1:${port}`): Promise<Answer> {
  return new Promise((done, fail) => {
    request({ port, host: '127.0.0.1', path, method, headers: { host } }, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += String(chunk)));
      response.on('end', () => done({ status: response.statusCode, headers: response.headers, body }));
    }).on('error', fail).end();
  });
}

// Path, method, host, and what is answered.
const asked: [path: string, method: string, host: string | undefined, status: number][] = [
  ['/', 'GET', undefined, 200], ['/index.html', 'GET', undefined, 200], ['/assets/main.js', 'GET', undefined, 200],
  ['/assets/main.js?v=1', 'GET', undefined, 200], ['/', 'HEAD', undefined, 200], ['/', 'GET', 'localhost:80', 200],
  ['/', 'POST', undefined, 405], ['/assets', 'GET', undefined, 404], ['/nothing', 'GET', undefined, 404],
  ['/../secret.txt', 'GET', undefined, 404], ['/%2e%2e/secret.txt', 'GET', undefined, 404], ['//secret.txt', 'GET', undefined, 404],
  ['/assets/../../secret.txt', 'GET', undefined, 404], ['/\\..\\secret.txt', 'GET', undefined, 404],
  ['/', 'GET', 'evil.example', 403], ['/', 'GET', 'localhost.evil.example', 403],
];

test.each(asked)('%s %s for %s answers %i', async (path, method, host, status) => {
  const answer = await ask(path, method, host);
  expect([answer.status, answer.body.includes('secret')]).toEqual([status, false]);
});

test('pages may share memory', async () => {
  const { headers } = await ask('/assets/main.js');
  expect(headers).toMatchObject({
    'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp', 'content-type': 'text/javascript; charset=utf-8',
  });
});

test('the built command prints where the page is, and ends by Ctrl-C', { timeout: 30_000 }, async () => {
  const text = await interrupted('evenkeel lab --port 0', folder, 'http://127.0.0.1:');
  expect(text).toMatchObject({ exit: 130, out: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/\n$/) });
  const json = await interrupted('evenkeel lab --port 0 --json', folder, '}');
  expect(JSON.parse(json.out)).toMatchObject({ version: 1, command: 'lab', address: expect.stringContaining('http://127.0.0.1:') });
});

test('a port that is taken, or none', async () => {
  const server = createServer();
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  const { port: taken } = server.address() as AddressInfo; // as above
  expect(await evenkeel(['lab', '--port', String(taken)])).toMatchObject({ exit: 2, err: expect.stringContaining(`port ${taken} is taken: give another`) });
  server.close();
  expect(await evenkeel(['lab', '--port', '70000'])).toMatchObject({ exit: 2, err: expect.stringContaining('--port takes 0 to 65535') });
});
