// onnxruntime as two peers: its native library and its WebAssembly. Models are made here, as bytes. May import row.

import { timeAwaited, type Contestant, type Missing, type Numbers, type Pass, type Peer } from './contestant.js';
import { loadPeer } from './load.js';
import { onnxModel } from './onnx.js';
import { count, isStored, type Row } from './row.js';

interface OrtTensor {
  readonly data: Float32Array;
}

interface Session {
  run(feeds: Record<string, OrtTensor>, fetches: readonly string[]): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}

/** What both packages share of their interface. */
interface Ort {
  readonly Tensor: new (dtype: 'float32', data: Float32Array, shape: readonly number[]) => OrtTensor;
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
  readonly env: { readonly wasm: { numThreads?: number }; readonly versions: { node?: string; web?: string } };
}

/** onnxruntime-node or onnxruntime-web. */
export async function onnxruntime(name: 'onnxruntime-node' | 'onnxruntime-web', threads: number): Promise<Peer | Missing> {
  const loaded = await loadPeer(name);
  if ('command' in loaded) return loaded;
  // The package's interface, as its documentation has it.
  const ort = loaded.module as Ort;
  const web = name === 'onnxruntime-web';
  if (web) ort.env.wasm.numThreads = threads;
  const options = {
    executionProviders: [web ? 'wasm' : 'cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  };
  const enter = (row: Row, pass: Pass, numbers: Numbers) => enterOrt(ort, options, row, pass, numbers);
  return { name, version: loaded.version, enter, close: () => {} };
}

async function enterOrt(ort: Ort, options: object, row: Row, pass: Pass, numbers: Numbers): Promise<Contestant | null> {
  if (row.onnx === null || pass !== 'forward') return null;
  const named = Object.entries(row.inputs).map(([name, shape]) => ({ name, shape }));
  const stored = named.filter(({ name }) => isStored(row, name));
  const given = named.filter(({ name }) => !isStored(row, name));
  const used = new Set(row.onnx.flatMap(({ inputs }) => inputs));
  const model = onnxModel(
    row.onnx,
    given,
    stored.filter(({ name }) => used.has(name)).map((input) => ({ ...input, data: numbers(input.name) })),
    { name: 'y', shape: row.output },
  );
  const session = await ort.InferenceSession.create(model, options);
  const feeds = Object.fromEntries(
    given.map(({ name, shape }) => [name, new ort.Tensor('float32', numbers(name).subarray(0, count(shape)), shape)]),
  );
  const run = () => session.run(feeds, ['y']);
  return {
    sample: (calls) => timeAwaited(calls, run),
    probe: async (places) => {
      const { y } = await run();
      return places.map((place) => y?.data[place] ?? NaN);
    },
    close: () => session.release(),
  };
}
