// Six layers on one input: what they make of it, how far they are apart, and whether they are the same. May import evenkeel.

import {
  BatchNorm2d, equivalent, explain, GroupNorm, InstanceNorm2d, KeelError, LayerNorm, LayerNorm2d, manualSeed, randn, scope,
  type ExplainData, type Normalizer, type Tensor, type Verdict,
} from 'evenkeel';
import { arrayOf } from '../files.js';
import { photos } from '../photos.js';
import { namesakes, type InputName, type Namesake } from './namesake.js';


export interface NamesJobs {
  readonly names: {
    readonly ask: {
      readonly input: InputName;
      /** Of randn; photographs and digits have theirs. */
      readonly shape: readonly number[];
      readonly seed: number;
    };
    readonly answer: NamesAnswer;
    readonly part: never;
  };
  readonly verdict: {
    readonly ask: { readonly a: Namesake; readonly b: Namesake; readonly shape: readonly number[] };
    readonly answer: Judged;
    readonly part: never;
  };
  readonly worked: {
    readonly ask: { readonly seed: number };
    readonly answer: WorkedAnswer;
    readonly part: never;
  };
}

export interface NamesAnswer {
  readonly shape: readonly number[];
  readonly x: Float32Array;
  readonly layers: readonly NamedOutput[];
  /** Of layer i and layer j, in the order of `layers`. */
  readonly differences: readonly (readonly Apart[])[];
}

export interface NamedOutput {
  readonly key: Namesake;
  /** `LayerNorm(3)` */
  readonly name: string;
  /** `new LayerNorm(3)`; for LayerNorm on N × H × W × C its pattern here. */
  readonly code: string;
  readonly data: ExplainData;
  readonly y: Float32Array;
  /** The set of every element, in memory order. */
  readonly sets: Int32Array;
  readonly lowest: number;
  readonly highest: number;
}

/** The largest difference of two outputs, and the element that has it. */
export interface Apart {
  readonly difference: number;
  readonly at: number;
}

/** `InstanceNorm2d(3)` on `x.reshape(2, 3, 4, 1)` beside `LayerNorm(4)` on x. */
export interface WorkedAnswer {
  readonly x: Float32Array;
  readonly layerNorm: Float32Array;
  readonly instanceNorm: Float32Array;
  readonly difference: number;
  readonly verdict: Judged;
  /** With an axis more after the channels. */
  readonly image: Judged;
  /** With affine parameters in both. */
  readonly affine: Verdict;
}

/** A verdict, and the two layers that it is about. */
export interface Judged extends Verdict {
  readonly sides: readonly [ExplainData, ExplainData];
}

function judged(a: Normalizer, b: Normalizer, shape: readonly number[], shapeB = shape): Judged {
  return { ...equivalent(a, b, shape, shapeB), sides: [explain(a, shape).data, explain(b, shapeB).data] };
}

const MOST_ELEMENTS = 2 ** 16;

export async function names({ input, shape, seed }: NamesJobs['names']['ask']): Promise<NamesAnswer> {
  const given = await inputOf(input, shape, seed);
  return scope(() => {
    const layers = namesakes.map((key) => outputOf(key, given));
    const answer = {
      shape: given.shape,
      x: plain(given),
      layers,
      differences: layers.map(({ y }) => layers.map(({ y: other }) => apart(y, other))),
    };
    given.dispose();
    return answer;
  });
}

export function verdict({ a, b, shape }: NamesJobs['verdict']['ask']): Judged {
  const [first, second] = [layerOf(a, shape), layerOf(b, shape)];
  const found = judged(first.normalizer, second.normalizer, shape);
  const [of, ofOther] = found.sides;
  // The page says what the pattern stands for.
  const say = (text: string) => text.replaceAll(`'${PIXELS}'`, layerOf('pixel', shape).name);
  return {
    ...found, reason: say(found.reason), carry: say(found.carry), sides: [{ ...of, name: first.name }, { ...ofOther, name: second.name }],
    differences: found.differences.map((difference) => ({ ...difference, text: say(difference.text) })),
  };
}

export function worked({ seed }: NamesJobs['worked']['ask']): WorkedAnswer {
  return scope(() => {
    manualSeed(seed);
    const x = randn([2, 3, 4]);
    const [overLast, ofChannels] = [new LayerNorm(4), new InstanceNorm2d(3)];
    const layerNorm = plain(overLast.forward(x));
    const instanceNorm = plain(ofChannels.forward(x.reshape([2, 3, 4, 1])));
    return {
      x: plain(x),
      layerNorm,
      instanceNorm,
      difference: apart(layerNorm, instanceNorm).difference,
      verdict: judged(overLast, ofChannels, [2, 3, 4], [2, 3, 4, 1]),
      image: judged(new LayerNorm(5), ofChannels, [2, 3, 4, 5]),
      affine: equivalent(overLast, new InstanceNorm2d(3, { affine: true }), [2, 3, 4], [2, 3, 4, 1]),
    };
  });
}

interface NamedLayer {
  readonly name: string;
  readonly code: string;
  /** The layer as it sees (N, C, H, W). */
  readonly normalizer: Normalizer;
  forward(x: Tensor): Tensor;
}

/** LayerNorm over the channels of images that have them last, seen on N × C × H × W. */
const PIXELS = 'n [c] h w, c';

/** All with eps 1e-5, so that they differ in their sets alone. */
function layerOf(key: Namesake, [, channels = 1, height = 1, width = 1]: readonly number[]): NamedLayer {
  switch (key) {
    case 'pixel': {
      const layer = new LayerNorm(channels);
      return {
        name: `LayerNorm(${channels})`,
        code: `{ pattern: '${PIXELS}' }`,
        normalizer: { pattern: PIXELS },
        forward: (x) => layer.forward(x.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]),
      };
    }
    case 'layer2d':
      return named(`LayerNorm2d(${channels})`, new LayerNorm2d(channels, { eps: 1e-5 }), `new LayerNorm2d(${channels}, { eps: 1e-5 })`);
    case 'sample':
      return named(`LayerNorm([${channels}, ${height}, ${width}])`, new LayerNorm([channels, height, width]));
    case 'group':
      return named(`GroupNorm(1, ${channels})`, new GroupNorm(1, channels));
    case 'instance':
      return named(`InstanceNorm2d(${channels})`, new InstanceNorm2d(channels));
    case 'batch':
      return named(`BatchNorm2d(${channels})`, new BatchNorm2d(channels));
    default:
      return key satisfies never;
  }
}

function named(name: string, layer: LayerNorm | LayerNorm2d | GroupNorm | InstanceNorm2d | BatchNorm2d, code = `new ${name}`): NamedLayer {
  return { name, code, normalizer: layer, forward: (x) => layer.forward(x) };
}

function outputOf(key: Namesake, x: Tensor): NamedOutput {
  const { name, code, normalizer, forward } = layerOf(key, x.shape);
  const explanation = explain(normalizer, x.shape);
  const y = plain(forward(x));
  return {
    key, name, code, data: explanation.data, y, sets: explanation.setNumbers(),
    lowest: y.reduce((a, b) => Math.min(a, b), Infinity), highest: y.reduce((a, b) => Math.max(a, b), -Infinity),
  };
}

function apart(a: Float32Array, b: Float32Array): Apart {
  const found = { difference: 0, at: 0 };
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (difference > found.difference) Object.assign(found, { difference, at: i });
  }
  return found;
}

function plain(x: Tensor): Float32Array {
  return Float32Array.from(x.data, Number);
}

async function inputOf(input: InputName, shape: readonly number[], seed: number): Promise<Tensor> {
  switch (input) {
    case 'photo':
      return photos(56);
    case 'digits':
      return digits();
    case 'randn':
      checkShape(shape);
      manualSeed(seed);
      return randn([...shape]);
    default:
      return input satisfies never;
  }
}

function checkShape(shape: readonly number[]): void {
  if (shape.length !== 4) {
    throw new KeelError('rank', `${shape.join(' × ')} has ${shape.length} axes: four are needed, N × C × H × W, such as 2x3x8x8`, { shape });
  }
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (size >= 1 && size <= MOST_ELEMENTS) return;
  throw new KeelError('size', `${shape.join(' × ')} has ${size} elements; from 1 to ${MOST_ELEMENTS} are drawn here`, { size, limit: MOST_ELEMENTS });
}

/** The first six: 6 × 1 × 8 × 8. */
async function digits(): Promise<Tensor> {
  const images = await arrayOf('digits');
  return scope(() => images.to('float32').slice(0, 0, 6).div(16).unsqueeze(1));
}
