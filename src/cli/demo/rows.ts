// The rows of the demo: every layer on the inputs that it takes; data/generate.py has the same. May import evenkeel.

import {
  addLayerNorm, BatchNorm1d, BatchNorm2d, Conv2d, explain, grad, GroupNorm, InstanceNorm1d, InstanceNorm2d, KeelError,
  LayerNorm, LayerNorm2d, Linear, LocalResponseNorm, Module, noGrad, NormLayer, RMSNorm, scope, spectralNorm, tensor,
  useBackend, weightNorm, zeros, type Tensor,
} from 'evenkeel';
import { wave, type InputName } from './inputs.js';

/** A module from one tensor to one tensor. */
interface Layer extends Module {
  forward(x: Tensor): Tensor;
}

/** Each layer with the name that it is stored under; a name that ends in `eval` evaluates after one training pass. */
export const rows: Readonly<Record<InputName, Readonly<Record<string, () => Layer>>>> = {
  worked: {
    'LayerNorm(4)': () => new LayerNorm(4),
    'LayerNorm([3,4])': () => new LayerNorm([3, 4]),
    'RMSNorm(4)': () => new RMSNorm(4),
    'GroupNorm(1, 3)': () => new GroupNorm(1, 3),
    'GroupNorm(3, 3)': () => new GroupNorm(3, 3),
    'InstanceNorm1d(3)': () => new InstanceNorm1d(3),
    'BatchNorm1d(3) train': () => new BatchNorm1d(3),
    'BatchNorm1d(3) eval': () => new BatchNorm1d(3),
    'LocalResponseNorm(2)': () => new LocalResponseNorm(2),
    'Add & LayerNorm(4)': () => new AddLayerNorm(4),
  },
  'digit rows': {
    'LayerNorm(8)': () => new LayerNorm(8),
    'LayerNorm([8,8])': () => new LayerNorm([8, 8]),
    'RMSNorm(8)': () => new RMSNorm(8),
    'GroupNorm(2, 8)': () => new GroupNorm(2, 8),
    'InstanceNorm1d(8)': () => new InstanceNorm1d(8, { affine: true }),
    'BatchNorm1d(8) train': () => new BatchNorm1d(8),
    'BatchNorm1d(8) eval': () => new BatchNorm1d(8),
    'LocalResponseNorm(3)': () => new LocalResponseNorm(3),
    'Add & LayerNorm(8)': () => new AddLayerNorm(8),
  },
  'digit images': {
    'LayerNorm([1,8,8])': () => new LayerNorm([1, 8, 8]),
    'InstanceNorm2d(1)': () => new InstanceNorm2d(1),
    'BatchNorm2d(1) train': () => new BatchNorm2d(1),
    'BatchNorm2d(1) eval': () => new BatchNorm2d(1),
    'weight_norm Conv2d': () => weightNorm(new Conv2d(1, 4, 3), { keys: 'old' }),
  },
  'digit vectors': {
    'BatchNorm1d(64) train': () => new BatchNorm1d(64),
    'weight_norm Linear': () => weightNorm(new Linear(64, 10), { keys: 'old' }),
    'spectral_norm Linear': () => spectralNorm(new Linear(64, 10), { keys: 'old' }),
  },
  photos: {
    'LayerNorm([3,224,224])': () => new LayerNorm([3, 224, 224]),
    'LayerNorm2d(3)': () => new LayerNorm2d(3),
    'RMSNorm([3,224,224])': () => new RMSNorm([3, 224, 224]),
    'GroupNorm(1, 3)': () => new GroupNorm(1, 3),
    'InstanceNorm2d(3)': () => new InstanceNorm2d(3),
    'BatchNorm2d(3) train': () => new BatchNorm2d(3),
    'BatchNorm2d(3) eval': () => new BatchNorm2d(3),
    'LocalResponseNorm(2)': () => new LocalResponseNorm(2),
  },
  'photo halves': {
    'GroupNorm(3, 6)': () => new GroupNorm(3, 6),
    'GroupNorm(6, 6)': () => new GroupNorm(6, 6),
  },
  'photo tokens': {
    'LayerNorm(768)': () => new LayerNorm(768),
    'RMSNorm(768)': () => new RMSNorm(768),
    'Add & LayerNorm(768)': () => new AddLayerNorm(768),
  },
};

/** Add & Norm: x plus something, normalized. */
class AddLayerNorm extends Module {
  readonly norm: LayerNorm;

  constructor(width: number) {
    super();
    this.norm = new LayerNorm(width);
  }

  forward(x: Tensor): Tensor {
    const { normalizedShape, weight, bias, eps } = this.norm;
    return addLayerNorm(x, wave(x.shape), normalizedShape, { weight, bias, eps }).y;
  }
}

/** What a row gives: everything that is compared, under its stored name, and what shares statistics. */
export interface Measured {
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly pattern: string;
  /** Statistics × elements. */
  readonly sets: string;
  /** Of the forward and backward pass: the least of a few, after one to warm up. */
  readonly millis: number;
}

/** Runs a row on the backend in use: forward, the gradients of Σ y·wave, and the running statistics afterwards. */
export function measure(name: string, make: () => Layer, input: Tensor): Measured {
  const first = pass(name, make, input);
  const repeats = Math.max(1, Math.min(5, Math.floor(100 / first.millis)));
  const again = Array.from({ length: repeats }, () => scope(() => pass(name, make, input).millis));
  return { ...first, millis: Math.min(...again) };
}

/** Milliseconds of a row on the reference backend. */
export function referenceMillis(name: string, make: () => Layer, input: Tensor): number {
  const before = useBackend('reference');
  try {
    return scope(() => measure(name, make, tensor(input.data, input.shape)).millis);
  } finally {
    useBackend(before);
  }
}

function pass(name: string, make: () => Layer, input: Tensor): Measured {
  const layer = make();
  fill(layer);
  if (name.endsWith('eval')) {
    noGrad(() => layer.forward(input));
    layer.eval();
  }
  const x = input.detach();
  x.requiresGrad = true;
  const leaves = [['x', x] as const, ...layer.namedParameters()];
  const start = performance.now();
  const y = layer.forward(x);
  const forwardEnd = performance.now();
  const gradOutputs = wave(y.shape);
  const backwardStart = performance.now();
  const gradients = grad(y, leaves.map(([, leaf]) => leaf), { gradOutputs });
  const millis = performance.now() - backwardStart + forwardEnd - start;
  const outputs = new Map([['y', y]]);
  leaves.forEach(([key], i) => outputs.set(`d${key}`, gradients[i] ?? zeros(x.shape)));
  for (const [key, buffer] of layer.namedBuffers()) if (key.includes('running')) outputs.set(key, buffer);
  return { outputs, ...sharing(layer, input.shape), millis };
}

/** Scales near 1, everything else a wave; running statistics stay fresh. */
function fill(layer: Layer): void {
  const filled = [...layer.stateDict()].map(([key, value]) => {
    if (key.includes('running') || key.includes('num_batches')) return [key, value] as const;
    const numbers = wave(value.shape);
    return [key, /weight(_g)?$/.test(key) ? numbers.div(2).add(1) : numbers] as const;
  });
  layer.loadStateDict(new Map(filled));
}

/** Which elements share statistics: the pattern, and statistics × elements. */
function sharing(layer: Layer, shape: readonly number[]): { readonly pattern: string; readonly sets: string } {
  if (layer instanceof AddLayerNorm) return sharing(layer.norm, shape);
  if (layer instanceof LocalResponseNorm) {
    return { pattern: `windows of ${layer.size} channels`, sets: `${sizeOf(shape)}×${layer.size}` };
  }
  const state: ReadonlyMap<string, Tensor> = layer.stateDict();
  const matrix = state.get('weight_orig');
  if (matrix !== undefined) return { pattern: 'the weight as a matrix', sets: `1×${matrix.size}` };
  const direction = state.get('weight_v');
  const { pattern, count, elements, running } =
    direction === undefined
      ? explain(normLayer(layer), shape).data
      : explain('o [i...], o', direction.shape, { statistics: 'l2' }).data;
  return { pattern, sets: running?.used === 'now' ? `${count} stored` : `${count}×${elements}` };
}

function normLayer(layer: Layer): NormLayer {
  if (layer instanceof NormLayer) return layer;
  throw new KeelError('argument', `${String(layer)} has no pattern`, {});
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
