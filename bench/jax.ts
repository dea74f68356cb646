// jax-js on its WebAssembly backend as a peer: each row one compiled function. May import row.

import { timeAwaited, type Contestant, type Missing, type Numbers, type Pass, type Peer } from './contestant.js';
import type { Jax, JaxArray } from './jaxapi.js';
import { loadPeer } from './load.js';
import { count, type Row } from './row.js';

interface JaxModule extends Jax {
  init(device: string): Promise<string[]>;
  defaultDevice(device: string): string;
  jit(run: (...inputs: JaxArray[]) => JaxArray): ((...inputs: JaxArray[]) => JaxArray) & { dispose(): void };
}

export async function jax(threads: number): Promise<Peer | Missing> {
  const loaded = await loadPeer('@jax-js/jax');
  if ('command' in loaded) return loaded;
  // The package's interface, as its documentation has it.
  const module = loaded.module as JaxModule;
  const devices = await alone(() => module.init('wasm'));
  if (!devices.includes('wasm')) {
    return { name: 'jax-js', why: 'has no wasm device here', command: 'npm ci --prefix bench --ignore-scripts' };
  }
  module.defaultDevice('wasm');
  return {
    name: 'jax-js',
    // Node has no workers of the browser's kind.
    version: `${loaded.version}${threads > 1 ? ' (1 thread)' : ''}`,
    enter: async (row, pass, numbers) => enterJax(module, row, pass, numbers),
    close: () => {},
  };
}

/** jax-js asks anew each time whether there are workers; other peers bring some, whose memory would not fit its own. */
async function alone<T>(run: () => Promise<T>): Promise<T> {
  const { Worker } = globalThis;
  Reflect.deleteProperty(globalThis, 'Worker');
  try {
    return await run();
  } finally {
    if (Worker !== undefined) globalThis.Worker = Worker;
  }
}

function enterJax(module: JaxModule, row: Row, pass: Pass, numbers: Numbers): Contestant | null {
  const { jax: call } = row;
  if (call === null || pass !== 'forward') return null;
  const inputs = Object.entries(row.inputs).map(([name, shape]) =>
    module.numpy.array(numbers(name).subarray(0, count(shape)), { shape }));
  const compiled = module.jit((...traced) => call(module, ...traced));
  const run = (): JaxArray => compiled(...inputs.map((input) => input.ref));
  return {
    sample: (calls) => alone(() => timeAwaited(calls, async () => (await run().blockUntilReady()).dispose())),
    probe: (places) =>
      alone(async () => {
        const values = await run().data();
        return places.map((place) => values[place] ?? NaN);
      }),
    close: () => {
      for (const input of inputs) input.dispose();
      compiled.dispose();
    },
  };
}
