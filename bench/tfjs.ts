// TensorFlow.js on its WebAssembly backend as a peer. May import row.

import { fileURLToPath } from 'node:url';
import { timeCalls, type Contestant, type Missing, type Numbers, type Pass, type Peer } from './contestant.js';
import { loadPeer, peerFile } from './load.js';
import type { Row } from './row.js';
import type { Tf, TfTensor } from './tfapi.js';

interface TfLayer {
  apply(x: TfTensor): TfTensor;
  build(shape: readonly number[]): void;
  setWeights(weights: readonly TfTensor[]): void;
  readonly weights: readonly { dispose(): void }[];
}

interface TfModule extends Tf {
  readonly layers: { layerNormalization(options: object): TfLayer };
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
}

interface TfWasm {
  setWasmPaths(folder: string): void;
  setThreadsCount(threads: number): void;
  getThreadsCount(): number;
}

export async function tensorflow(threads: number): Promise<Peer | Missing> {
  const loaded = await loadPeer('@tensorflow/tfjs');
  const loadedWasm = await loadPeer('@tensorflow/tfjs-backend-wasm');
  if ('command' in loaded) return loaded;
  if ('command' in loadedWasm) return loadedWasm;
  // The packages' interfaces, as their documentation has them.
  const tf = loaded.module as TfModule;
  const wasm = loadedWasm.module as TfWasm;
  wasm.setWasmPaths(fileURLToPath(peerFile('@tensorflow/tfjs-backend-wasm/dist/')));
  wasm.setThreadsCount(threads);
  await tf.setBackend('wasm');
  await tf.ready();
  return {
    name: 'TF.js',
    // It knows no threads in Node.
    version: `${loaded.version}${wasm.getThreadsCount() < threads ? ' (1 thread)' : ''}`,
    enter: async (row, pass, numbers) => enterTf(tf, row, pass, numbers),
    close: () => {},
  };
}

function enterTf(tf: TfModule, row: Row, pass: Pass, numbers: Numbers): Contestant | null {
  const { tf: call } = row;
  if (call === null || pass !== 'forward') return null;
  const inputs = Object.entries(row.inputs).map(([name, shape]) => tf.tensor(numbers(name), shape));
  const layers = new Map<TfTensor | undefined, TfLayer>();
  const names: Tf = {
    ...tf,
    layer: (name, options, weights, x) => {
      const made = layers.get(weights[0]) ?? tf.layers[name](options);
      if (!layers.has(weights[0])) {
        made.build(x.shape);
        made.setWeights(weights);
        layers.set(weights[0], made);
      }
      return made.apply(x);
    },
  };
  // The layer's weights are variables, which a tidy lets live.
  const run = (): TfTensor => tf.tidy(() => call(names, ...inputs));
  return {
    // WebAssembly runs at once; nothing is waited for.
    sample: (calls) => timeCalls(calls, () => run().dispose()),
    probe: async (places) => {
      const y = run();
      const values = y.dataSync();
      y.dispose();
      return places.map((place) => values[place] ?? NaN);
    },
    close: () => {
      for (const input of inputs) input.dispose();
      // Its own dispose refuses a layer that was built by hand.
      for (const { weights } of layers.values()) for (const weight of weights) weight.dispose();
    },
  };
}
