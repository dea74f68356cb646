// Patterns by their grammar, and with changes: what norm computes against a walk over the elements, and its gradients on one
// backend against those on another. May import evenkeel.

import fc from 'fast-check';
import { backends, explain, grad, norm, type NormOptions, scope, type Tensor, tensor, useBackend } from 'evenkeel';
import { mutateText } from './bytes.js';
import { type Dice, edges } from './dice.js';
import { meaning, type Sample, samples, type Word, wordSizes } from './samples.js';
import { claim, packed, type Target, unlessRefused, unpacked } from './target.js';

/** `sample` is what a text of the grammar means; null for texts with changes, which mean what explain says. */
interface Input {
  readonly text: string;
  readonly shape: readonly number[];
  readonly given: Readonly<Record<string, number>>;
  readonly statistics: 'moments' | 'rms' | 'l2';
  readonly sample: Sample | null;
}

const EPS = 1e-3;
const words = ['[', ']', '(', ')', '...', '..', ',', ' ', 'b', 'c', 'weight', 'eps', 'out', '__proto__', 'é', '1', '_', '\n', '->', '*'];
const [main = ''] = backends();

export const patterns: Target = {
  name: 'patterns',
  make: (dice) => {
    const [small] = fc.sample(samples, { numRuns: 1, seed: dice.below(2 ** 31) });
    if (small === undefined) throw new Error('fast-check gave no sample');
    const sample = dice.chance(0.3) ? grown(small, dice) : small;
    const { text, shape, given } = sample;
    const statistics = dice.pick(['moments', 'moments', 'rms', 'l2'] as const);
    if (dice.chance(0.5)) return packed({ text, shape, given, statistics, sample } satisfies Input);
    return packed({
      text: mutateText(text, dice, words),
      shape: dice.chance(0.3) ? shape.map((size) => (dice.chance(0.3) ? dice.below(5) : size)) : shape,
      given: dice.chance(0.2) ? { ...given, [dice.pick(['g', 'b', 'statistics', '__proto__'])]: Number(dice.pick(edges)) } : given,
      statistics,
      sample: null,
    } satisfies Input);
  },
  check: async (bytes) => {
    const input = unpacked<Input>(bytes);
    const { text, shape, given, sample } = input;
    const size = shape.reduce((a, b) => a * b, 1);
    const explained = await unlessRefused(() => explain(text, shape, given));
    claim(explained !== null || sample === null, () => `'${text}' is a pattern, and is refused`);
    const { statistic, parameter } = sample === null ? { statistic: null, parameter: null } : meaning(sample);
    const sets = statistic ?? (explained === null ? [] : setsOf(explained, shape));
    const weightShape = explained?.data.parameters.weight ?? null;
    let first: Computed | null = null;
    for (const backend of backends()) {
      useBackend(backend);
      const computed = await unlessRefused(() => normed(input, size, weightShape));
      // Parameters of axes without elements may have more than tensors have.
      const isLarge = (weightShape ?? []).reduce((a, b) => a * b, 1) > 2 ** 32;
      claim((computed === null) === (explained === null) || isLarge, () => `norm and explain disagree on whether '${text}' fits ${shape.join()}`);
      if (computed === null) continue;
      // Where parameters lie is known of what the grammar made.
      if (weightShape === null || parameter !== null) checkNumbers('y', computed.y, expectedOf(input, sets, parameter));
      first ??= computed;
      for (const name of ['y', 'dx', 'dweight', 'dbias'] as const) checkNumbers(name, computed[name], first[name]);
    }
    useBackend(main);
  },
  most: () => 2 ** 22,
};

/** The sample with one or two of its axes longer: kernels for long runs, many columns, several blocks have their turn. */
function grown(sample: Sample, dice: Dice): Sample {
  let result = sample;
  for (let times = 1 + dice.below(2); times > 0; times--) {
    const parts = result.words.flatMap((word) => word.parts).filter(({ sizes }) => sizes.length > 0 && sizes[0] !== 0);
    const size = result.shape.reduce((a, b) => a * b, 1);
    const factor = Math.min(1 + dice.small(2000), Math.floor(MOST_ELEMENTS / Math.max(1, size)));
    if (parts.length > 0 && factor > 1) result = withFactor(result, dice.pick(parts).name, factor);
  }
  return result;
}

const MOST_ELEMENTS = 2 ** 14;

function withFactor({ text, words, parameters, given }: Sample, name: string, factor: number): Sample {
  const longer = (word: Word): Word => ({
    ...word,
    parts: word.parts.map((part) => (part.name === name ? { ...part, sizes: part.sizes.map((size, i) => (i === 0 ? factor * size : size)) } : part)),
  });
  const longerWords = words.map(longer);
  return {
    text,
    words: longerWords,
    parameters: parameters?.map(longer) ?? null,
    shape: longerWords.flatMap(wordSizes),
    given: Object.fromEntries(Object.entries(given).map(([key, size]) => [key, key === name ? factor * size : size])),
  };
}

const valuesOf = (count: number): Float64Array => Float64Array.from({ length: count }, (_, i) => Math.fround(3 * Math.sin(7 * i + 1) + 1));

interface Computed {
  readonly y: Float64Array;
  readonly dx: Float64Array;
  /** Of no elements where there are no parameters. */
  readonly dweight: Float64Array;
  readonly dbias: Float64Array;
}

function normed({ text, shape, given, statistics }: Input, size: number, parameters: readonly number[] | null): Computed {
  return scope(() => {
    const count = (parameters ?? []).reduce((a, b) => a * b, 1);
    const weight = parameters === null ? null : leaf(valuesOf(count), parameters);
    const bias = parameters === null ? null : leaf(valuesOf(count).map(() => 0), parameters);
    const options: NormOptions<string> = { statistics, eps: EPS, ...given, weight, bias };
    const x = leaf(valuesOf(size), shape);
    const y = norm(x, text, options);
    const gradOutputs = tensor(Float32Array.from(valuesOf(size).reverse()), shape);
    const [dx, dweight, dbias] = grad(y, [x, ...[weight, bias].filter((leaf) => leaf !== null)], { gradOutputs });
    return { y: numbersOf(y), dx: numbersOf(dx), dweight: numbersOf(dweight), dbias: numbersOf(dbias) };
  });
}

function leaf(values: Float64Array, shape: readonly number[]): Tensor {
  return tensor(Float32Array.from(values), shape, { requiresGrad: true });
}

function numbersOf(tensor: Tensor | null | undefined): Float64Array {
  return Float64Array.from(tensor?.data ?? [], Number);
}

/** Each element's set, as explain has it. */
function setsOf({ setOf }: ReturnType<typeof explain>, shape: readonly number[]): number[] {
  const size = shape.reduce((a, b) => a * b, 1);
  const flat = (index: readonly number[]): number => index.reduce((outer, i, dim) => outer * (shape[dim] ?? 1) + i, 0);
  const sets = new Array<number>(size).fill(-1);
  for (let e = 0; e < size; e++) {
    if (sets[e] !== -1) continue;
    let rest = e;
    const index = shape.map(() => 0);
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      index[dim] = rest % (shape[dim] ?? 1);
      rest = Math.floor(rest / (shape[dim] ?? 1));
    }
    const members = setOf(index).map(flat);
    claim(members.includes(e), () => `element ${e} is not in its own set`);
    for (const member of members) {
      claim(sets[member] === -1, () => `element ${member} is in two sets`);
      sets[member] = e;
    }
  }
  return sets;
}

/** By walking the elements, in float64. */
function expectedOf({ statistics }: Input, sets: readonly number[], parameter: readonly number[] | null): Float64Array {
  const x = valuesOf(sets.length);
  const weight = parameter === null ? null : valuesOf(1 + parameter.reduce((most, place) => Math.max(most, place), -1));
  const members = new Map<number, number[]>();
  sets.forEach((set, e) => {
    const known = members.get(set);
    if (known === undefined) members.set(set, [e]);
    else known.push(e);
  });
  const y = new Float64Array(sets.length);
  for (const set of members.values()) {
    const mean = statistics === 'moments' ? set.reduce((sum, e) => sum + (x[e] ?? 0), 0) / set.length : 0;
    const squares = set.reduce((sum, e) => sum + ((x[e] ?? 0) - mean) ** 2, 0);
    const scale = statistics === 'l2' ? Math.max(Math.sqrt(squares), EPS) : Math.sqrt(squares / set.length + EPS);
    for (const e of set) y[e] = (((x[e] ?? 0) - mean) / scale) * (weight?.[parameter?.[e] ?? 0] ?? 1);
  }
  return y;
}

function checkNumbers(name: string, values: Float64Array, expected: Float64Array): void {
  claim(values.length === expected.length, () => `${values.length} elements instead of ${expected.length}`);
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  for (let i = 0; i < values.length; i++) {
    const [got, wanted] = [values[i] ?? NaN, expected[i] ?? NaN];
    claim(Math.abs(got - wanted) <= 2e-4 * scale, () => `element ${i} of ${name} is ${got} instead of ${wanted}`);
  }
}
