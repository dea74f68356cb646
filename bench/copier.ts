// One more thread that copies its part, on the word of copy.ts. Imports Node only.

import { workerData } from 'node:worker_threads';
import type { CopyOrder } from './copy.js';

const { module, memory, control, part, parts } = workerData as CopyOrder;
const instance = new WebAssembly.Instance(module, { '': { memory } });
// The module is copybytes.ts's.
const { copy, loop } = instance.exports as Record<'copy' | 'loop', (to: number, from: number, bytes: number) => void>;
const words = new Int32Array(control);

Atomics.add(words, 1, 1);
for (let seen = 0; ;) {
  for (let turn = 0; turn < 20_000 && Atomics.load(words, 0) === seen; turn++);
  Atomics.wait(words, 0, seen);
  seen = Atomics.load(words, 0);
  const [bytes = 0, from = 0, to = 0, loops = 0] = words.subarray(2);
  const share = bytes / parts;
  (loops ? loop : copy)(to + part * share, from + part * share, share);
  Atomics.add(words, 1, 1);
}
