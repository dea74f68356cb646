// A thread of the pool: claims tasks of the job in shared memory until there are none, spins, parks. Plain JavaScript
// that imports nothing, so that every bundler and Node load it as it is. The words are those of pool.ts.

/**
 * @typedef {object} Start
 * @property {WebAssembly.Memory} memory
 * @property {number} index which of the threads this is, from 1
 * @property {import('./pool.js').Places} places
 * @property {number} spinMillis how long it looks for the next job before it parks
 * @property {import('./pool.js').Words} words
 */

const node = globalThis.process?.getBuiltinModule?.('node:worker_threads');
if (node?.workerData) run(node.workerData);
else globalThis.addEventListener('message', ({ data }) => run(data), { once: true });

/** @param {Start} start */
function run({ memory, index, places, spinMillis, words: w }) {
  const control = new Int32Array(memory.buffer, places.control, w.left + 64 * w.leftStep);
  /** @type {Function[][]} kernels of each binary, in the order of its exports */
  const kernels = [];
  let seen = 0;
  Atomics.add(control, w.started, 1);
  for (;;) {
    seen = nextJob(seen);
    Atomics.add(control, w.active, 1);
    try {
      const threads = word(w.threads);
      for (let turn = 0; turn < threads; turn++) workThrough((index + turn) % threads, threads);
    } catch (error) {
      // A page's headers forbid what its worker's may allow, and the other way round: new workers would fail alike.
      Atomics.store(control, w.failed, error instanceof WebAssembly.CompileError ? 2 : 1);
    }
    if (Atomics.sub(control, w.active, 1) === 1) Atomics.notify(control, w.active);
  }

  /** @param {number} share @param {number} threads */
  function workThrough(share, threads) {
    const at = w.left + share * w.leftStep;
    while (Atomics.load(control, at) > 0) {
      const left = Atomics.sub(control, at, 1);
      if (left > 0) work(Math.floor((word(w.total) * (share + 1)) / threads) - left);
    }
  }

  /** @param {number} i */
  function word(i) {
    return control[i] ?? 0;
  }

  /** @param {number} task */
  function work(task) {
    const from = task * word(w.grain);
    const to = Math.min(word(w.items), from + word(w.grain));
    const scratch = (word(w.scratch) + index * word(w.scratchBytes)) >>> 0;
    const kernel = kernelsOf(word(w.binary))[word(w.kernel)];
    if (kernel === undefined) throw new RangeError('no such kernel');
    kernel(places.args, from, to, scratch);
    Atomics.add(control, w.taken, 1);
  }

  /** @param {number} binary */
  function kernelsOf(binary) {
    const at = w.binaries + 2 * binary;
    return (kernels[binary] ??= compile(word(at) >>> 0, word(at + 1)));
  }

  /** @param {number} address @param {number} bytes */
  function compile(address, bytes) {
    const module = new WebAssembly.Module(new Uint8Array(memory.buffer, address, bytes).slice());
    const instance = new WebAssembly.Instance(module, { env: { memory } });
    return Object.values(instance.exports).filter((value) => typeof value === 'function');
  }

  /** @param {number} last */
  function nextJob(last) {
    const end = performance.now() + spinMillis;
    for (let turn = 1; Atomics.load(control, w.epoch) === last; turn++) {
      if (turn % 64 !== 0 || performance.now() < end) continue;
      Atomics.add(control, w.parked, 1);
      // Whoever wakes it sets the count back.
      Atomics.wait(control, w.epoch, last);
    }
    return Atomics.load(control, w.epoch);
  }
}
