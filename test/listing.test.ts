// The lines of hand-written code that the lab shows, run as they stand, against stepsOf.
import { LayerNorm, manualSeed, randn, RMSNorm, stepsOf, tensor, type NormLayer } from 'evenkeel';
import { expect, test } from 'vitest';
import { backwardListing, forwardListing, programOf, totalHelper, type Line } from '../lab/screens/steplisting.js';
import type { MistakeName } from '../lab/worker/jobs/stepnames.js';
import { closeness } from './closeness.js';

const layers: [name: string, layer: NormLayer | null, hasGamma: boolean, hasBeta: boolean, mistake: MistakeName][] = [
  ['LayerNorm', new LayerNorm(5), true, true, 'none'],
  ['without bias', new LayerNorm(5, { bias: false }), true, false, 'none'],
  ['without parameters', new LayerNorm(5, { elementwiseAffine: false }), false, false, 'none'],
  ['N − 1', new LayerNorm(5), true, true, 'unbiased'],
  ['ε outside', new LayerNorm(5), true, true, 'outside'],
  ['E[x²] − E[x]²', new LayerNorm(5), true, true, 'difference'],
  ['RMSNorm', new RMSNorm(5), true, false, 'none'],
  ['an l2 norm', null, false, false, 'none'],
];

const mistakes = { none: {}, unbiased: { variance: 'unbiased' }, outside: { epsilon: 'outside' }, difference: { variance: 'difference' } } as const;

/** Runs the lines in TypeScript, which use no types, and gives these names. */
function run(lines: readonly Line[], given: Readonly<Record<string, unknown>>, names: readonly string[]): number[][] {
  const body = [totalHelper, ...lines.map(({ typescript }) => typescript), `return [${names.join(', ')}];`].join('\n');
  return new Function(...Object.keys(given), body)(...Object.values(given)) as number[][];
}

const own = (values: ArrayLike<number | bigint>): number[] => Array.from(values, Number);

function close(got: readonly number[], wanted: readonly number[] = []): void {
  expect(closeness(Float64Array.from(got), Float64Array.from(wanted), { rtol: 1e-9, atol: 1e-11 })).toBeNull();
}

test.each(layers)('%s', (_, layer, hasGamma, hasBeta, mistake) => {
  manualSeed(3);
  const x = randn([2, 5], { dtype: 'float64' });
  const dy = randn([2, 5], { dtype: 'float64' });
  layer?.to('float64').loadStateDict(
    new Map([...layer.stateDict()].map(([key, { shape }]) => [key, randn([...shape], { dtype: 'float64' })])),
  );
  const of = layer ?? { pattern: 'b [c]', statistics: 'l2' as const };
  const statistics = layer === null ? 'l2' : layer instanceof RMSNorm ? 'rms' : 'moments';
  const { forward, eps } = stepsOf(of, x, [1, 2], mistakes[mistake]);
  const given = {
    x: own(x.data).slice(5), N: 5, eps, gamma: own(layer?.weight?.data ?? []), beta: own(layer?.bias?.data ?? []),
  };
  const listed = { statistics, hasGamma, hasBeta, mistake } as const;
  const y = hasBeta ? 'y' : hasGamma ? 'scaled' : 'normalized';
  const [got = [], normalized = [], [scale] = []] = run(forwardListing(listed), given, [y, 'normalized', '[scale]']);
  close(got, forward.at(-1)?.values);
  // Every line is a step, and every step but x has its line.
  expect(forwardListing(listed).map(({ step }) => step)).toEqual(forward.map(({ name }) => name).filter((name) => name !== 'x'));
  if (mistake !== 'none') return;

  const { backward } = stepsOf(of, x, [1, 2], { gradOutput: dy });
  // The other set has a part in the parameters' gradients.
  const first = stepsOf(of, x, [0, 0]).forward.find(({ name }) => name === 'normalized')?.values ?? [];
  const before = own(dy.data).slice(0, 5);
  const dgamma = before.map((value, i) => value * (first[i] ?? NaN));
  const gradients = { dgamma, dbeta: [...before], place: [0, 1, 2, 3, 4], dy: own(dy.data).slice(5), normalized, scale };
  const [dx = []] = run(backwardListing(listed), { ...given, ...gradients }, ['dx']);
  const found = (name: string) => backward.find((step) => step.name === name)?.values;
  close(dx, found('dx'));
  if (hasGamma) close(gradients.dgamma, found('dgamma'));
  if (hasBeta) close(gradients.dbeta, found('dbeta'));
  expect(backwardListing(listed).map(({ step }) => step)).toEqual(backward.map(({ name }) => name).filter((name) => name !== 'dy'));
});

test('the program that is copied prints y', () => {
  const steps = stepsOf('b [c], c', tensor([[1, 2, 3, 4], [20, 21, 22, 24]]), [1, 0], { weight: tensor([1, 2, 3, 4]), bias: tensor([0, 0, 0.5, 0]) });
  const listed = { statistics: 'moments', mistake: 'none', hasGamma: true, hasBeta: true } as const;
  const program = programOf('typescript', forwardListing(listed), { steps, gamma: [1, 2, 3, 4], beta: [0, 0, 0.5, 0] });
  const printed: number[][] = [];
  new Function('console', program.replace(': readonly number[]', ''))({ log: (y: number[]) => void printed.push(y) });
  close(printed[0] ?? [], steps.forward.at(-1)?.values);
});

test('E[x²] − E[x]² as a person writes it turns ±1.5 into hundreds in float32', () => {
  const { forward } = stepsOf(new LayerNorm(4), tensor([10009, 10010, 10011, 10012]), [0], { variance: 'difference', arithmetic: 'float32' });
  expect(Math.max(...(forward.at(-1)?.values ?? []))).toBeGreaterThan(400);
});
