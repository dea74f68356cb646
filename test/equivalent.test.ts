// equivalent on patterns against a walk over all elements, its sentences carried out; and what is often claimed.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import '../src/index.js';
import { arange } from '../src/create.js';
import { equivalent } from '../src/explain/equivalent.js';
import type { Normalizer } from '../src/explain/subject.js';
import { explain } from '../src/explain.js';
import { BatchNorm1d, InstanceNorm1d, InstanceNorm2d } from '../src/nn/batchnorm.js';
import { GroupNorm, LayerNorm, LayerNorm2d, RMSNorm } from '../src/nn/norm.js';
import type { Tensor } from '../src/tensor.js';
import { meaning, plainSample, samples, type Sample } from '../tools/fuzz/samples.js';

const seed = 20190608;
const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

/** Evaluates `weight.reshape([3, 1]).expand([3, 4])`, as a sentence has it, on a parameter. */
function carried(sentence: string, weight: Tensor): Tensor {
  const [calls = ''] = /(?<=weight)(\.\w+\(\[[\d, ]*\]\))+/.exec(sentence) ?? [];
  let made = weight;
  for (const [, method, list = ''] of calls.matchAll(/\.(\w+)\(\[([\d, ]*)\]\)/g)) {
    const numbers = list === '' ? [] : list.split(', ').map(Number);
    if (method === 'reshape') made = made.reshape(numbers);
    else if (method === 'expand') made = made.expand(numbers);
    else if (method === 'permute') made = made.permute(numbers);
    else throw new Error(`${method} in ${sentence}`);
  }
  return made;
}

/** Whether some values of b's parameter give every element what a's gives it, for any values of a's. */
function canCarry(a: readonly number[], b: readonly number[]): boolean {
  const values = new Map<number, number>();
  return b.every((parameter, e) => {
    const own = a[e] ?? -1;
    if (!values.has(parameter)) values.set(parameter, own);
    return values.get(parameter) === own;
  });
}

const asPattern = ({ text, given }: Sample): Normalizer => ({ pattern: text, ...given });
const partition = (of: readonly number[]): string => of.map((set) => of.indexOf(set)).join();

/** Two plain patterns with parameters, on the same elements in shapes of their own. */
const pairs = fc
  .constantFrom(
    [[2, 3, 4], [2, 3, 4]], [[2, 3, 4], [6, 4]], [[2, 3, 4], [24]], [[2, 6], [4, 3]], [[2, 3], [3, 2]],
    [[2, 2, 2], [4, 2]], [[2, 3, 2, 2], [2, 3, 4]], [[1, 3, 2], [3, 2]], [[6, 6], [4, 9]], [[2, 3, 5], [5, 6]],
    [[2, 3, 4], [2, 1, 3, 2, 2]],
  )
  .chain(([a = [], b = []]) => fc.tuple(plain(a), plain(b)));

function plain(shape: readonly number[]): fc.Arbitrary<Sample> {
  return fc
    .tuple(fc.nat(2 ** shape.length - 1), fc.shuffledSubarray(shape.map((_, axis) => axis)))
    .map(([bits, listed]) => plainSample(shape, bits, listed));
}

describe('the verdict on patterns', () => {
  test('sets and parameters as a walk over the elements finds them', () => {
    const kinds = new Map<string, number>();
    fc.assert(
      fc.property(pairs, ([a, b]) => {
        const verdict = equivalent(asPattern(a), asPattern(b), a.shape, b.shape);
        const [inA, inB] = [meaning(a), meaning(b)];
        expect(verdict.same).toBe(partition(inA.statistic) === partition(inB.statistic));
        const [ofA, ofB] = [inA.parameter ?? [], inB.parameter ?? []];
        const expected = canCarry(ofA, ofB);
        expect(verdict.parameters !== 'impossible').toBe(expected);
        if (verdict.parameters === 'expand') expect(canCarry(ofB, ofA)).toBe(false);
        if (verdict.parameters === 'reshape' || verdict.parameters === 'same') expect(canCarry(ofB, ofA)).toBe(true);
        kinds.set(verdict.parameters, (kinds.get(verdict.parameters) ?? 0) + 1);
        // The calls that the sentence names do it.
        const [from, to] = expected ? [ofA, ofB] : [ofB, ofA];
        if (!canCarry(from, to)) return;
        const [source, target] = expected ? [a, b] : [b, a];
        const own = shapeOf(source);
        const values = carried(verdict.carry, arange(product(own)).reshape(own));
        expect(values.shape).toEqual(shapeOf(target));
        expect(to.map((parameter) => Number(values.data[parameter]))).toEqual(from);
      }),
      { seed, numRuns: 2500 },
    );
    for (const kind of ['same', 'reshape', 'expand', 'impossible']) expect(kinds.get(kind)).toBeGreaterThan(40);
  });

  test('a pattern is itself in any spelling', () => {
    fc.assert(
      fc.property(samples, (sample) => {
        const respelled = { ...sample, text: explain(asPattern(sample), sample.shape).data.pattern };
        const verdict = equivalent(asPattern(sample), asPattern(respelled), sample.shape);
        expect(verdict.same).toBe(true);
        expect(['none', 'same']).toContain(verdict.parameters);
        expect(verdict.differences).toEqual([]);
      }),
      { seed, numRuns: 300 },
    );
  });
});

function shapeOf({ parameters }: Sample): number[] {
  return parameters?.flatMap(({ parts }) => parts.flatMap(({ sizes }) => sizes)) ?? [];
}

interface Claim {
  readonly claim: string;
  readonly a: Normalizer;
  readonly b: Normalizer;
  readonly shape: number[];
  readonly shapeB?: number[];
  readonly same: boolean;
  readonly reason: string;
  readonly parameters: string;
  readonly carry: string;
  readonly differences?: string[];
}

const claims: Claim[] = [
  {
    claim: 'LayerNorm is InstanceNorm',
    a: new InstanceNorm1d(3), b: new LayerNorm(4), shape: [2, 3, 4],
    same: true,
    reason: 'InstanceNorm1d(3) is LayerNorm(4) on 2 × 3 × 4 but for the parameters: the same 6 sets of 4 elements',
    parameters: 'none',
    carry: "InstanceNorm1d(3) has no parameters: leave LayerNorm(4)'s at weight 1 and bias 0; if both had "
      + "parameters, InstanceNorm1d(3)'s parameters (3 along axis 1) can become LayerNorm(4)'s (4 along axis 2) "
      + "only where they are constant along axis 1",
    differences: ['parameters: InstanceNorm1d(3) has no parameters; LayerNorm(4) has weight and bias of shape 4'],
  },
  {
    claim: 'LayerNorm is InstanceNorm, by a reshape',
    a: new InstanceNorm2d(3, { affine: true }), b: new LayerNorm(4), shape: [2, 3, 4, 1], shapeB: [2, 3, 4],
    same: true,
    reason: 'InstanceNorm2d(3) on 2 × 3 × 4 × 1 is LayerNorm(4) on 2 × 3 × 4 but for the parameters: the same 6 '
      + 'sets of 4 elements',
    parameters: 'impossible',
    carry: "InstanceNorm2d(3)'s parameters (3 along axis 1) can become LayerNorm(4)'s (4 along axis 2) only where "
      + "they are constant along axis 1",
  },
  {
    claim: 'LayerNorm is InstanceNorm: false in general',
    a: new InstanceNorm2d(3), b: new LayerNorm(5), shape: [2, 3, 4, 5],
    same: false,
    reason: 'InstanceNorm2d(3) has 6 means, each over 20 elements; LayerNorm(5) has 24 means, each over 5 elements',
    parameters: 'none',
    carry: "InstanceNorm2d(3) has no parameters: leave LayerNorm(5)'s at weight 1 and bias 0; if both had "
      + "parameters, InstanceNorm2d(3)'s parameters (3 along axis 1) can become LayerNorm(5)'s (5 along axis 3) "
      + "only where they are constant along axis 1",
  },
  {
    claim: 'GroupNorm(1, C) is LayerNorm',
    a: new GroupNorm(1, 3), b: new LayerNorm([3, 2, 2]), shape: [2, 3, 2, 2],
    same: true,
    reason: 'GroupNorm(1, 3) is LayerNorm([3, 2, 2]) on 2 × 3 × 2 × 2 but for the parameters: the same 2 sets of '
      + '12 elements',
    parameters: 'expand',
    carry: "GroupNorm(1, 3)'s parameters (3 along axis 1) become LayerNorm([3, 2, 2])'s (3 × 2 × 2 along axes 1, "
      + "2, 3) by weight.reshape([3, 1, 1]).expand([3, 2, 2]); back only where they are constant along axes 2, 3",
    differences: [
      'parameters: GroupNorm(1, 3) has weight and bias of shape 3; LayerNorm([3, 2, 2]) has weight and bias of '
        + 'shape 3 × 2 × 2',
    ],
  },
  {
    claim: 'LayerNorm is GroupNorm(1, C)',
    a: new LayerNorm([3, 2, 2]), b: new GroupNorm(1, 3, { eps: 1e-6 }), shape: [2, 3, 2, 2],
    same: true,
    reason: 'LayerNorm([3, 2, 2]) is GroupNorm(1, 3) on 2 × 3 × 2 × 2 but for the parameters and eps: the same 2 sets of '
      + '12 elements',
    parameters: 'impossible',
    carry: "LayerNorm([3, 2, 2])'s parameters (3 × 2 × 2 along axes 1, 2, 3) can become GroupNorm(1, 3)'s (3 "
      + "along axis 1) only where they are constant along axes 2, 3; back by weight.reshape([3, 1, 1]).expand([3, "
      + "2, 2])",
    differences: [
      'eps: eps is 1e-05 in LayerNorm([3, 2, 2]), 1e-06 in GroupNorm(1, 3): give both the same',
      'parameters: LayerNorm([3, 2, 2]) has weight and bias of shape 3 × 2 × 2; GroupNorm(1, 3) has weight and '
        + 'bias of shape 3',
    ],
  },
  {
    claim: 'LayerNorm2d = GroupNorm(1, C): no',
    a: new LayerNorm2d(3), b: new GroupNorm(1, 3), shape: [2, 3, 2, 2],
    same: false,
    reason: 'LayerNorm2d(3) has 8 means, each over 3 elements; GroupNorm(1, 3) has 2 means, each over 12 elements',
    parameters: 'same',
    carry: "LayerNorm2d(3)'s parameters (3 along axis 1) serve GroupNorm(1, 3) as they are",
    differences: [
      'sets: LayerNorm2d(3) has 8 means, each over 3 elements; GroupNorm(1, 3) has 2 means, each over 12 elements',
    ],
  },
  {
    claim: 'LayerNorm2d = GroupNorm(1, C) on a single pixel',
    a: new LayerNorm2d(3), b: new GroupNorm(1, 3), shape: [2, 3, 1, 1],
    same: true,
    reason: 'LayerNorm2d(3) is GroupNorm(1, 3) on 2 × 3 × 1 × 1: the same 2 sets of 3 elements',
    parameters: 'same',
    carry: "LayerNorm2d(3)'s parameters (3 along axis 1) serve GroupNorm(1, 3) as they are",
    differences: ['shape: the same on this shape only: with more than 1 along axes 2, 3 they differ'],
  },
  {
    claim: 'GroupNorm(C, C) = InstanceNorm',
    a: new GroupNorm(3, 3), b: new InstanceNorm2d(3, { affine: true, trackRunningStats: true }), shape: [2, 3, 2, 2],
    same: true,
    reason: 'GroupNorm(3, 3) is InstanceNorm2d(3) on 2 × 3 × 2 × 2: the same 6 sets of 4 elements',
    parameters: 'same',
    carry: "GroupNorm(3, 3)'s parameters (3 along axis 1) serve InstanceNorm2d(3) as they are",
    differences: [
      'eval: in eval InstanceNorm2d(3) uses its running statistics, GroupNorm(3, 3) still those of its input',
    ],
  },
  {
    claim: 'GroupNorm(C, C) = InstanceNorm, which has no parameters by default',
    a: new GroupNorm(3, 3), b: new InstanceNorm2d(3), shape: [2, 3, 2, 2],
    same: true,
    reason: 'GroupNorm(3, 3) is InstanceNorm2d(3) on 2 × 3 × 2 × 2 but for the parameters: the same 6 sets of 4 '
      + 'elements',
    parameters: 'impossible',
    carry: "InstanceNorm2d(3) has no parameters: GroupNorm(3, 3)'s must be weight 1 and bias 0; if both had "
      + "parameters, GroupNorm(3, 3)'s parameters (3 along axis 1) serve InstanceNorm2d(3) as they are",
    differences: ['parameters: GroupNorm(3, 3) has weight and bias of shape 3; InstanceNorm2d(3) has no parameters'],
  },
  {
    claim: 'RMSNorm = LayerNorm without bias',
    a: new LayerNorm(4, { bias: false }), b: new RMSNorm(4), shape: [2, 3, 4],
    same: false,
    reason: 'LayerNorm(4) and RMSNorm(4) have the same 6 sets of 4 elements, but LayerNorm(4) takes off the mean '
      + 'and divides by the deviation, and RMSNorm(4) divides by the root mean square and takes no mean off; '
      + 'equal where the mean of each set is 0',
    parameters: 'same',
    carry: "LayerNorm(4)'s parameters (4 along axis 2) serve RMSNorm(4) as they are",
    differences: [
      'statistics: LayerNorm(4) and RMSNorm(4) have the same 6 sets of 4 elements, but LayerNorm(4) takes off the '
        + 'mean and divides by the deviation, and RMSNorm(4) divides by the root mean square and takes no mean '
        + 'off; equal where the mean of each set is 0',
      "eps: eps is 1e-05 in LayerNorm(4), the dtype's machine epsilon in RMSNorm(4): give both the same",
    ],
  },
  {
    claim: 'RMSNorm has no bias',
    a: new LayerNorm(4), b: new RMSNorm(4), shape: [2, 3, 4],
    same: false,
    reason: 'LayerNorm(4) and RMSNorm(4) have the same 6 sets of 4 elements, but LayerNorm(4) takes off the mean '
      + 'and divides by the deviation, and RMSNorm(4) divides by the root mean square and takes no mean off; '
      + 'equal where the mean of each set is 0',
    parameters: 'impossible',
    carry: "LayerNorm(4)'s parameters (4 along axis 2) serve RMSNorm(4) as they are; RMSNorm(4) has no bias, so "
      + "LayerNorm(4)'s must be 0",
  },
  {
    claim: 'InstanceNorm = BatchNorm on (1, N·C, …)',
    a: new InstanceNorm1d(3, { affine: true }), b: new BatchNorm1d(6), shape: [2, 3, 4], shapeB: [1, 6, 4],
    same: true,
    reason: 'InstanceNorm1d(3) on 2 × 3 × 4 is BatchNorm1d(6) on 1 × 6 × 4 but for the parameters: the same 6 '
      + 'sets of 4 elements',
    parameters: 'expand',
    carry: "InstanceNorm1d(3)'s parameters (3 along axis 1) become BatchNorm1d(6)'s (6 along axis 1) by "
      + "weight.reshape([1, 3]).expand([2, 3]).reshape([6]); back only where they are constant along axis 1",
  },
  {
    claim: 'BatchNorm of one sample is InstanceNorm, in training',
    a: new BatchNorm1d(3), b: new InstanceNorm1d(3, { affine: true }), shape: [1, 3, 4],
    same: true,
    reason: 'BatchNorm1d(3) is InstanceNorm1d(3) on 1 × 3 × 4: the same 3 sets of 4 elements',
    parameters: 'same',
    carry: "BatchNorm1d(3)'s parameters (3 along axis 1) serve InstanceNorm1d(3) as they are",
    differences: [
      'eval: in eval BatchNorm1d(3) uses its running statistics, InstanceNorm1d(3) still those of its input',
      'shape: the same on this shape only: with more than 1 along axis 0 they differ',
    ],
  },
  {
    claim: 'eval() turns off normalization by batch statistics',
    a: new BatchNorm1d(3).eval(), b: new InstanceNorm1d(3, { affine: true }).eval(), shape: [1, 3, 4],
    same: false,
    reason: 'BatchNorm1d(3) is in eval and uses its running statistics; InstanceNorm1d(3) uses those of its input',
    parameters: 'same',
    carry: "BatchNorm1d(3)'s parameters (3 along axis 1) serve InstanceNorm1d(3) as they are",
  },
  {
    claim: 'eval() turns off normalization by batch statistics: not without buffers',
    a: new BatchNorm1d(3, { trackRunningStats: false }).eval(), b: new InstanceNorm1d(3, { affine: true }).eval(),
    shape: [1, 3, 4],
    same: true,
    reason: 'BatchNorm1d(3) is InstanceNorm1d(3) on 1 × 3 × 4: the same 3 sets of 4 elements',
    parameters: 'same',
    carry: "BatchNorm1d(3)'s parameters (3 along axis 1) serve InstanceNorm1d(3) as they are",
  },
  {
    claim: 'tracked InstanceNorm in eval is BatchNorm in eval',
    a: new InstanceNorm1d(3, { affine: true, trackRunningStats: true }).eval(), b: new BatchNorm1d(3).eval(),
    shape: [2, 3, 4],
    same: true,
    reason: 'in eval InstanceNorm1d(3) and BatchNorm1d(3) have 3 running means, each for 8 elements, the same '
      + 'ones: alike where their values are',
    parameters: 'same',
    carry: "InstanceNorm1d(3)'s parameters (3 along axis 1) serve BatchNorm1d(3) as they are",
    differences: [],
  },
  {
    claim: 'as many sets need not be the same ones',
    a: 'a [b] c', b: 'a b [c]', shape: [2, 3, 3],
    same: false,
    reason: "'a [b] c' and 'a b [c]' have 6 means, each over 3 elements, but not the same ones: x[0, 1, 0] shares "
      + "with x[0, 0, 0] in 'a [b] c' only",
    parameters: 'none',
    carry: "'a [b] c' and 'a b [c]' have no parameters",
  },
  {
    claim: 'channels last is a permutation of channels first',
    a: 'b h w [c], c h w', b: 'b h w [c], h w c', shape: [2, 3, 4, 5],
    same: true,
    reason: "'b h w [c], c h w' is 'b h w [c], h w c' on 2 × 3 × 4 × 5 but for the parameters: the same 24 sets "
      + "of 5 elements",
    parameters: 'reshape',
    carry: "'b h w [c], c h w''s parameters (5 × 3 × 4 along axes 1, 2, 3) become 'b h w [c], h w c''s (3 × 4 × 5 "
      + "along axes 1, 2, 3) by weight.permute([1, 2, 0])",
  },
  {
    claim: 'nothing to normalize',
    a: new LayerNorm(4), b: new LayerNorm([0, 4]), shape: [0, 4],
    same: true,
    reason: '0 × 4 has no elements: there is nothing to normalize',
    parameters: 'impossible',
    carry: "LayerNorm(4)'s parameters (4 along axis 1) cannot become LayerNorm([0, 4])'s (0 × 4 along axis 1)",
  },
  {
    claim: 'an empty batch has parameters all the same',
    a: new GroupNorm(1, 3), b: new LayerNorm([3, 2]), shape: [0, 3, 2],
    same: true,
    reason: '0 × 3 × 2 has no elements: there is nothing to normalize',
    parameters: 'expand',
    carry: "GroupNorm(1, 3)'s parameters (3 along axis 1) become LayerNorm([3, 2])'s (3 × 2 along axes 1, 2) by "
      + "weight.reshape([3, 1]).expand([3, 2]); back only where they are constant along axis 2",
  },
];

describe('equivalent', () => {
  test.each(claims)('$claim', ({ a, b, shape, shapeB, differences, same, reason, parameters, carry }) => {
    const verdict = equivalent(a, b, shape, shapeB);
    expect(verdict).toMatchObject({ same, reason, parameters, carry });
    if (differences) expect(verdict.differences.map((found) => `${found.in}: ${found.text}`)).toEqual(differences);
    // Either way round.
    expect(equivalent(b, a, shapeB ?? shape, shape).same).toBe(same);
  });
});
