// Folding: parameters and outputs against PyTorch's, pairs proved on random input, models before and after.
import { readFileSync } from 'node:fs';
import { conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, linear, norm, tensor, type Tensor } from 'evenkeel';
import { describe, expect, test } from 'vitest';
import { fold, isBatchNorm, isNormFirst, type FoldKind, type FoldPair, type LayerWeights } from '../src/fold/arithmetic.js';
import { verify } from '../src/fold/verify.js';
import { closeness } from './closeness.js';

interface Entry {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

interface Row {
  readonly name: string;
  readonly kind: FoldKind;
  readonly dtype: 'float32' | 'float64';
  readonly groups: number;
  readonly eps: number;
  readonly norm: Readonly<Record<'weight' | 'bias' | 'running_mean' | 'running_var', Entry | null>>;
  readonly layer: Readonly<{ weight: Entry; bias: Entry | null }>;
  readonly x: Entry;
  readonly y: Entry;
  readonly folded: Readonly<{ weight: Entry; bias: Entry }> | null;
}

const rows: readonly Row[] = JSON.parse(readFileSync(new URL('fold/expected.json', import.meta.url), 'utf8'));

describe('two layers as one, against PyTorch', () => {
  test.each(rows)('$name ($kind)', ({ kind, dtype, groups, eps, norm: given, layer, x, y, folded }) => {
    const of = (entry: Entry | null) => (entry === null ? null : tensor(entry.values, entry.shape, { dtype }));
    const pair: FoldPair = {
      kind,
      groups,
      norm: {
        weight: of(given.weight), bias: of(given.bias), runningMean: of(given.running_mean), runningVar: of(given.running_var), eps,
      },
      layer: { weight: tensor(layer.weight.values, layer.weight.shape, { dtype }), bias: of(layer.bias) },
    };
    const one = fold(pair);
    expect(one.weight.dtype).toBe(dtype);
    expect(one.weight.shape).toEqual(layer.weight.shape);
    const unit = dtype === 'float32' ? 2 ** -23 : 2 ** -51;
    if (folded !== null) {
      expect(closeness(one.weight.data, Float64Array.from(folded.weight.values), { rtol: unit, atol: 0 })).toBeNull();
      expect(closeness(one.bias?.data ?? new Float32Array(), Float64Array.from(folded.bias.values), { rtol: 2 * unit, atol: unit })).toBeNull();
    }
    const seen = isNormFirst(kind) && !isBatchNorm(kind) ? plain(kind, double(x), eps) : double(x);
    const atol = 16 * unit * Math.max(...y.values.map(Math.abs));
    expect(closeness(run(kind, one, groups, seen).data, Float64Array.from(y.values), { rtol: 0, atol })).toBeNull();
    const proof = verify({ norm: 'n', into: 'l' }, pair, one);
    expect(proof).toMatchObject({ norm: 'n', into: 'l', kind });
    expect(proof.largestDifference).toBeLessThanOrEqual(proof.tolerance);
    expect(proof.tolerance).toBeLessThan(1e-4);
  });
});

function double({ values, shape }: Entry): Tensor {
  return tensor(values, shape, { dtype: 'float64' });
}

function plain(kind: FoldKind, x: Tensor, eps: number): Tensor {
  return norm(x, 'b [c] s...', { statistics: kind.startsWith('rms') ? 'rms' : 'moments', eps });
}

function run(kind: FoldKind, { weight, bias }: LayerWeights, groups: number, x: Tensor): Tensor {
  const [w, b] = [weight.to('float64'), bias === null ? null : bias.to('float64')];
  if (w.rank === 2) return linear(x, w, b);
  const layers = kind === 'conv-transpose-batch-norm' ? [convTranspose1d, convTranspose2d] : [conv1d, conv2d, conv3d];
  const layer = layers[w.rank - 3];
  if (layer === undefined) throw new Error('no such convolution');
  // The one row with a stride has its kernel's.
  return layer(x, w, { bias: b, groups, ...(kind === 'layer-norm-conv' ? { stride: 2 } : {}) });
}
