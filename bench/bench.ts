// The bench: its peers, its rows one after another, and what is printed and kept. May import 'evenkeel'.

import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { backends, init, useBackend } from 'evenkeel';
import { filesFor, matches, matchesStart, peerNames, startName, type BenchArguments, type PeerName } from './arguments.js';
import {
  numbersOf, passesOf, placesIn, type Contestant, type Missing, type Pass, type Peer,
} from './contestant.js';
import { enterCopies } from './copy.js';
import { fileTimes } from './files.js';
import { jax } from './jax.js';
import { machine } from './machine.js';
import { measure, messageOf, type Timing } from './measure.js';
import { onnxruntime } from './ort.js';
import { enterOwn, evenkeel } from './own.js';
import { appendRecords, type Setting } from './records.js';
import { bytesOfX, medianOf, resultOf, type PeerResult, type Result } from './result.js';
import type { Row } from './row.js';
import { rows } from './rows.js';
import { startTime } from './start.js';
import { fileLine, headLines, millis, remarks, resultLine, summaryLine } from './table.js';
import { tensorflow } from './tfjs.js';
import { pytorch } from './torch.js';

type Print = (line: string) => void;

const records = new URL('../../bench/results.csv', import.meta.url);

export async function bench({ words, threads, json, peers }: BenchArguments, print: Print): Promise<void> {
  await init({ threads });
  const setting = await settingOf(threads);
  const { cpu, cores, node, commit } = setting.machine;
  print(`evenkeel ${setting.version} (${commit}), ${setting.backend} backend; ${threads} thread${threads > 1 ? 's' : ''}`);
  print(`${cpu}, ${cores} cores, Node ${node}`);
  const lines = rows.flatMap((row) => passesOf(row).map((pass) => ({ row, pass })));
  const chosen = lines.filter(({ row, pass }) => matches(words, row, pass));
  const results: Result[] = [];
  const { present, missing } = chosen.length > 0 ? await findPeers(setting, peers) : { present: [], missing: [] };
  if (present.length > 0) print(`beside ${present.map(({ name, version }) => `${name} ${version}`).join(', ')}`);
  for (const { name, why, command } of missing) print(`without ${name} (${why}): ${command}`);

  try {
    if (chosen.length > 0) printAll(print, ['', ...headLines(present.map(({ name }) => name))]);
    for (const { row, pass } of chosen) {
      const result = await runRow(row, pass, present, setting);
      results.push(result);
      printAll(print, [resultLine(result), ...remarks(result)]);
      appendRecords(records, setting, result);
    }
  } finally {
    for (const peer of present) await peer.close();
  }
  const start = matchesStart(words) ? await startTime() : null;
  if (start !== null) print(`${startName} in a fresh Node: ${millis(start)}`);
  const ofFiles = filesFor(words);
  const files = ofFiles.length > 0 ? await fileTimes(ofFiles, peers.includes('PyTorch')) : [];
  printAll(print, files.map(fileLine));
  const summary = present.map(({ name, version }) => summaryLine(name, version, results)).filter((line) => line !== null);
  if (summary.length > 0) printAll(print, ['', ...summary]);
  if (json !== null) writeFileSync(json, `${JSON.stringify({ ...setting, missing, results, files, start }, null, 1)}\n`);
}

function printAll(print: Print, lines: readonly string[]): void {
  for (const line of lines) print(line);
}

async function settingOf(threads: number): Promise<Setting> {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  return { machine: machine(), threads, backend: backendHere(), version };
}

/** The fast backend where there is one. */
function backendHere(): string {
  const name = backends().includes('wasm') ? 'wasm' : 'reference';
  useBackend(name);
  return name;
}

async function findPeers(
  { threads, backend, version }: Setting, asked: readonly PeerName[],
): Promise<{ present: Peer[]; missing: Missing[] }> {
  const find: Readonly<Record<PeerName, () => Peer | Missing | Promise<Peer | Missing>>> = {
    PyTorch: () => pytorch(threads),
    'onnxruntime-node': () => onnxruntime('onnxruntime-node', threads),
    'onnxruntime-web': () => onnxruntime('onnxruntime-web', threads),
    'TF.js': () => tensorflow(threads),
    'jax-js': () => jax(threads),
    reference: () => evenkeel('reference', version, 'reference'),
  };
  const found: (Peer | Missing)[] = [];
  for (const name of peerNames) if (asked.includes(name) && name !== backend) found.push(await find[name]());
  return {
    present: found.filter((peer) => 'enter' in peer),
    missing: found.filter((peer) => 'command' in peer),
  };
}

async function runRow(row: Row, pass: Pass, peers: readonly Peer[], { backend, threads }: Setting): Promise<Result> {
  const numbers = numbersOf(row);
  const contestants = new Map<string, Contestant>();
  const failures = new Map<string, Timing>();
  const enter = async (name: string, made: () => Promise<Contestant | null>): Promise<void> => {
    try {
      const contestant = await made();
      if (contestant !== null) contestants.set(name, contestant);
    } catch (error) {
      failures.set(name, { error: messageOf(error) });
    }
  };
  const { beside } = row;
  await enter('evenkeel', async () => enterOwn(row, pass, numbers, backend));
  if (beside !== null) await enter('beside', async () => enterOwn(beside, pass, numbersOf(beside), backend));
  const copies = await enterCopies(bytesOfX(row), threads);
  contestants.set('memory.copy', copies.copy).set('SIMD copy', copies.loop);
  for (const peer of peers) await enter(peer.name, () => peer.enter(row, pass, numbers));
  collectGarbage();

  const timings = new Map([...failures, ...(await measure(contestants, threads))]);
  const timing = (name: string): Timing | null => timings.get(name) ?? null;
  const places = placesIn(row, pass);
  const expected = await seenBy(contestants.get('evenkeel'), places);
  const compared: Omit<PeerResult, 'ratio'>[] = [];
  for (const { name, version } of peers) {
    const quick = (medianOf(timing(name)) ?? Infinity) < 2e6;
    const seen = quick ? await seenBy(contestants.get(name), places) : null;
    compared.push({ name, version, timing: timing(name), differs: difference(places, expected, seen) });
  }
  // Who is gone has been reported with its times.
  for (const contestant of contestants.values()) await Promise.resolve(contestant.close()).catch(() => {});
  return resultOf(
    row,
    pass,
    timing('evenkeel') ?? { error: 'was not measured' },
    { memoryCopy: timing('memory.copy'), simdLoop: timing('SIMD copy') },
    beside === null ? null : { name: beside.name, timing: timing('beside') ?? { error: 'was not measured' } },
    compared,
  );
}

async function seenBy(contestant: Contestant | undefined, places: readonly number[]): Promise<readonly number[] | null> {
  try {
    return (await contestant?.probe(places)) ?? null;
  } catch {
    // Who cannot run has been reported with its times.
    return null;
  }
}

/** The first element that is another one: a contestant that computes something else is no peer. */
function difference(places: readonly number[], expected: readonly number[] | null, seen: readonly number[] | null): string | null {
  if (expected === null || seen === null) return null;
  const at = expected.findIndex((value, i) => !(Math.abs(value - (seen[i] ?? NaN)) <= 1e-3 * Math.max(1, Math.abs(value))));
  return at < 0 ? null : `element ${places[at]} is ${seen[at]?.toPrecision(5)} instead of ${expected[at]?.toPrecision(5)}`;
}

/** Between rows, so that nobody pays for what others dropped. Needs node --expose-gc. */
function collectGarbage(): void {
  globalThis.gc?.();
}
