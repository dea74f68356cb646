// Layers on shapes: of no elements, of more than fit anywhere, that fit or do not. May import evenkeel.

import {
  backends, BatchNorm1d, BatchNorm2d, BatchNorm3d, equivalent, explain, type Explanation, GroupNorm, InstanceNorm1d, InstanceNorm2d,
  InstanceNorm3d, LayerNorm, LayerNorm2d, memory, type Module, type NormLayer, RMSNorm, scope, type Tensor, tensor, useBackend,
} from 'evenkeel';
import type { Dice } from './dice.js';
import { claim, packed, type Target, unlessRefused, unpacked } from './target.js';

/** Layers by name, and the numbers that make them. */
interface Input {
  readonly layers: readonly [Made, Made];
  readonly shape: readonly number[];
  readonly isTraining: boolean;
}

interface Made {
  readonly type: keyof typeof constructors;
  /** Channels, or all extents of LayerNorm and RMSNorm. */
  readonly sizes: readonly number[];
  readonly groups: number;
  readonly affine: boolean;
}

type Norm = NormLayer & { forward(x: Tensor): Tensor };

const constructors = {
  LayerNorm: ({ sizes, affine }: Made): Norm => new LayerNorm(sizes, { elementwiseAffine: affine }),
  RMSNorm: ({ sizes, affine }: Made): Norm => new RMSNorm(sizes, { elementwiseAffine: affine }),
  LayerNorm2d: ({ sizes }: Made): Norm => new LayerNorm2d(channelsOf(sizes)),
  GroupNorm: ({ sizes, groups, affine }: Made): Norm => new GroupNorm(groups, channelsOf(sizes), { affine }),
  BatchNorm1d: ({ sizes, affine }: Made): Norm => new BatchNorm1d(channelsOf(sizes), { affine, trackRunningStats: affine }),
  BatchNorm2d: ({ sizes, affine }: Made): Norm => new BatchNorm2d(channelsOf(sizes), { affine, trackRunningStats: affine }),
  BatchNorm3d: ({ sizes, affine }: Made): Norm => new BatchNorm3d(channelsOf(sizes), { affine, trackRunningStats: affine }),
  InstanceNorm1d: ({ sizes, affine }: Made): Norm => new InstanceNorm1d(channelsOf(sizes), { affine }),
  InstanceNorm2d: ({ sizes, affine }: Made): Norm => new InstanceNorm2d(channelsOf(sizes), { affine, trackRunningStats: affine }),
  InstanceNorm3d: ({ sizes, affine }: Made): Norm => new InstanceNorm3d(channelsOf(sizes), { affine }),
};
const types = Object.keys(constructors).filter((name): name is Made['type'] => name in constructors);

const huge = [2 ** 20, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 52, 2 ** 53 - 1, 2 ** 53, 2 ** 63, -1, 0.5, NaN, Infinity];
const [main = ''] = backends();

export const shapes: Target = {
  name: 'shapes',
  make: (dice) => {
    const isHuge = dice.chance(0.4);
    const extent = (): number => (isHuge && dice.chance(0.4) ? dice.pick(huge) : dice.chance(0.1) ? 0 : 1 + dice.below(6));
    const shape = Array.from({ length: dice.below(7) }, extent);
    const layers = [madeFor(dice, shape), madeFor(dice, shape)] as const;
    // What JSON does not keep stands for itself as null, which is no extent either.
    return packed({ layers, shape, isTraining: dice.chance(0.7) } satisfies Input);
  },
  check: async (bytes) => {
    const { layers: [first, second], shape, isTraining } = unpacked<Input>(bytes);
    const [a, b] = [await made(first, isTraining), await made(second, isTraining)];
    const held = memory().bytes;
    const explained = a === null ? null : await unlessRefused(() => explain(a, shape));
    if (explained !== null) await checkExplained(explained, shape);
    if (a !== null && b !== null) await unlessRefused(() => equivalent(a, b, shape));
    claim(memory().bytes === held, () => `${memory().bytes - held} bytes are held by what only looked at a shape`);
    for (const layer of [a, b]) if (layer !== null) dismantle(layer);
    if (a !== null && sizeOf(shape) <= 2 ** 16) await checkForward(() => constructors[first.type](first), isTraining, shape, explained !== null);
  },
  most: () => 2 ** 22,
};

function madeFor(dice: Dice, shape: readonly number[]): Made {
  const type = dice.pick(types);
  const isTrailing = type === 'LayerNorm' || type === 'RMSNorm';
  const fitting = isTrailing ? shape.slice(dice.below(shape.length + 1)) : shape.slice(1, 2);
  const sizes = dice.chance(0.8) ? fitting : fitting.map((size) => size + dice.below(3) - 1);
  const parameters = sizes.reduce((a, b) => a * b, 1);
  // A layer with parameters allocates them, as it should.
  return { type, sizes, groups: 1 + dice.below(4), affine: parameters <= 2 ** 16 && dice.chance(0.5) };
}

/** Frees what a layer holds. */
export function dismantle(layer: Module): void {
  for (const x of [...layer.parameters(), ...layer.buffers()]) x.dispose();
}

function channelsOf(sizes: readonly number[]): number {
  return sizes[0] ?? 1;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

async function made(input: Made, isTraining: boolean): Promise<Norm | null> {
  // It has parameters always, and allocates them as it should.
  if (input.type === 'LayerNorm2d' && channelsOf(input.sizes) > 2 ** 16) return null;
  const layer = await unlessRefused(() => constructors[input.type](input));
  layer?.train(isTraining);
  return layer;
}

async function checkExplained({ data, setOf, text }: Explanation, shape: readonly number[]): Promise<void> {
  const size = sizeOf(shape);
  claim(data.count * data.elements === size || size === 0 || size > 2 ** 53, () => `${data.count} sets of ${data.elements} in ${size}`);
  claim(!/NaN|undefined|\[object/.test(text), () => `it says: ${text}`);
  if (size === 0 || data.elements > 1000) return;
  const members = await unlessRefused(() => setOf(shape.map((extent) => extent - 1)));
  claim(members?.length === data.elements, () => `a set of ${members?.length} instead of ${data.elements}`);
}

/** Every backend refuses, or all give the same numbers; and nothing is computed that explain refuses. */
async function checkForward(make: () => Norm, isTraining: boolean, shape: readonly number[], isExplained: boolean): Promise<void> {
  const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(5 * i + 2) * 3 + 1);
  const forward = (): Float64Array =>
    scope(() => {
      const layer = make();
      layer.train(isTraining);
      return Float64Array.from(layer.forward(tensor(values, shape)).data, Number);
    });
  const results: (Float64Array | null)[] = [];
  for (const backend of backends()) {
    useBackend(backend);
    results.push(await unlessRefused(forward));
  }
  useBackend(main);
  const [one = null, other = null] = results;
  claim(isExplained || one === null, () => 'it computes what explain refuses');
  claim((one === null) === (other === null), () => 'one backend refuses what another computes');
  for (let i = 0; i < (one?.length ?? 0); i++) {
    const [a, b] = [one?.[i] ?? NaN, other?.[i] ?? NaN];
    claim(Math.abs(a - b) <= 1e-4 * Math.max(1, Math.abs(b)), () => `element ${i} is ${a} and ${b} on another backend`);
  }
}
