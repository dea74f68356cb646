// What a stored model computes: everything that NAME.expected.safetensors holds, under the same keys.
// May import 'evenkeel' and 'evenkeel/io'.

import { crossEntropy, grad, keep, noGrad, tensor, type Module, type Tensor } from 'evenkeel';
import type { Elements } from 'evenkeel/io';
import type { Network } from './build.js';

type Stored = ReadonlyMap<string, Elements>;

/** Images whose norm outputs are stored. */
const SEEN = 4;

/** Inputs as they came, logits, outputs of the norm layers at `norms`, and one training-mode pass: loss, gradients, buffers. */
export async function computeAll(model: Network, stored: Stored, norms: readonly string[]): Promise<Map<string, Elements>> {
  const computed = new Map<string, Tensor>();
  const x = given(stored, 'input');
  const labels = given(stored, 'labels');
  model.eval();
  noGrad(() => {
    computed.set('logits', model.forward(x));
    for (const [name, value] of watched(model, norms, x.slice(0, 0, SEEN))) computed.set(name, value);
    if (stored.has(MASK)) computed.set('mask/logits', model.forward(x, given(stored, MASK).ne(0)));
  });
  model.train();
  const logits = model.forward(x);
  const loss = crossEntropy(logits, labels);
  const parameters = model.namedParameters();
  const gradients = grad(loss, parameters.map(([, parameter]) => parameter));
  computed.set('train/logits', logits).set('train/loss', loss);
  parameters.forEach(([name], i) => {
    const gradient = gradients[i];
    if (gradient) computed.set(`grad/${name}`, gradient);
  });
  for (const [name, buffer] of model.namedBuffers()) computed.set(`after/${name}`, buffer);
  return read(computed, stored);
}

const MASK = 'mask/src_key_padding_mask';

/** `norm/PATH`, what the layer at each path gives; and `weight/PATH`, the weight that it used, where it computes that. */
function watched(model: Network, paths: readonly string[], x: Tensor): Map<string, Tensor> {
  const modules = new Map(model.namedModules());
  const seen = new Map<string, Tensor>();
  const removes = paths.map((path) => {
    const layer = modules.get(path);
    if (layer === undefined) throw new Error(`the model has no module '${path}': it has ${[...modules.keys()].join(', ')}`);
    return layer.registerForwardHook((_, __, y) => {
      // A layer gives one tensor. A copy, because a scope may end before it is read.
      seen.set(`norm/${path}`, leave(channelsLast(path, y as Tensor)));
      const weight = computedWeight(layer);
      if (weight !== null) seen.set(`weight/${path}`, leave(weight));
    });
  });
  model.forward(x);
  for (const remove of removes) remove();
  return seen;
}

/** In ConvNeXt's blocks the norm stands after the move to channels last; evenkeel's stands before it. */
function channelsLast(path: string, y: Tensor): Tensor {
  return /^stages\.\d+\.\d+\.norm$/.test(path) ? y.permute([0, 2, 3, 1]) : y;
}

/** A weight that is no parameter: one that weight_norm or spectral_norm computes. */
function computedWeight(layer: Module): Tensor | null {
  const isComputed = layer.namedParameters().every(([name]) => name !== 'weight');
  const weight: unknown = Reflect.get(layer, 'weight');
  // The parameters of a layer with such a weight are those that it is computed from.
  return isComputed && typeof weight === 'object' && weight !== null ? (weight as Tensor) : null;
}

function leave(x: Tensor): Tensor {
  return keep(x.clone());
}

function given(stored: Stored, name: string): Tensor {
  const found = stored.get(name);
  if (found === undefined) throw new Error(`the expected file holds no '${name}'`);
  return tensor(found.data, found.shape, { dtype: found.dtype });
}

/** In the order of the stored file: computed, or as given. */
async function read(computed: ReadonlyMap<string, Tensor>, stored: Stored): Promise<Map<string, Elements>> {
  const results = new Map<string, Elements>();
  for (const [name, elements] of stored) {
    const result = computed.get(name);
    if (result !== undefined) results.set(name, { dtype: result.dtype, shape: result.shape, data: await result.read() });
    else if (inputs.has(name)) results.set(name, elements);
  }
  return results;
}

/** What the stored file gives, to compute the rest from. */
export const inputs: ReadonlySet<string> = new Set(['input', 'labels', MASK]);
