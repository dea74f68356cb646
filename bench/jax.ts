// jax-js on its WebAssembly backend as a peer: each row one compiled function. May import rows.

import { lengthOf, timeAwaited, type Contestant, type Missing, type Numbers, type Pass, type Peer } from './contestant.js';
import { loadPeer } from './load.js';
import type { Row } from './rows.js';

/** An array of jax-js: an operation consumes its operands, and `ref` keeps one for another use. */
interface JaxArray {
  readonly ref: JaxArray;
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray): JaxArray;
  mul(other: JaxArray): JaxArray;
  div(other: JaxArray): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  blockUntilReady(): Promise<JaxArray>;
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Axis = number | readonly number[];

/** The names of jax-js that rows use. */
interface Jax {
  readonly nn: {
    standardize(x: JaxArray, axis: Axis, options: { epsilon: number }): JaxArray;
    gelu(x: JaxArray, options: { approximate: boolean }): JaxArray;
    softmax(x: JaxArray, axis: Axis): JaxArray;
  };
  readonly numpy: {
    array(values: Float32Array, options: { shape: readonly number[] }): JaxArray;
    mean(x: JaxArray, axis: Axis, options: { keepdims: boolean }): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
  };
  readonly lax: {
    convGeneralDilated(
      x: JaxArray,
      w: JaxArray,
      strides: readonly number[],
      padding: readonly (readonly number[])[],
      options: { featureGroupCount: number },
    ): JaxArray;
  };
}

interface JaxModule extends Jax {
  init(device: string): Promise<string[]>;
  defaultDevice(device: string): string;
  jit(run: (...inputs: JaxArray[]) => JaxArray): ((...inputs: JaxArray[]) => JaxArray) & { dispose(): void };
}

export type JaxFunction = (jax: Jax, ...inputs: JaxArray[]) => JaxArray;

export async function jax(): Promise<Peer | Missing> {
  const loaded = await loadPeer('@jax-js/jax');
  if ('command' in loaded) return loaded;
  // The package's interface, as its documentation has it.
  const module = loaded.module as JaxModule;
  const devices = await module.init('wasm');
  if (!devices.includes('wasm')) {
    return { name: 'jax-js', why: 'has no wasm device here', command: 'npm ci --prefix bench --ignore-scripts' };
  }
  module.defaultDevice('wasm');
  return {
    name: 'jax-js',
    version: loaded.version,
    enter: async (row, pass, numbers) => enterJax(module, row, pass, numbers),
    close: () => {},
  };
}

function enterJax(module: JaxModule, row: Row, pass: Pass, numbers: Numbers): Contestant | null {
  const { jax: call } = row;
  if (call === null || pass !== 'forward') return null;
  const inputs = Object.entries(row.inputs).map(([name, shape]) =>
    module.numpy.array(numbers(name).subarray(0, lengthOf(shape)), { shape }));
  const compiled = module.jit((...traced) => call(module, ...traced));
  const run = (): JaxArray => compiled(...inputs.map((input) => input.ref));
  return {
    sample: (calls) => timeAwaited(calls, async () => (await run().blockUntilReady()).dispose()),
    probe: async (places) => {
      const values = await run().data();
      return places.map((place) => values[place] ?? NaN);
    },
    close: () => {
      for (const input of inputs) input.dispose();
      compiled.dispose();
    },
  };
}
