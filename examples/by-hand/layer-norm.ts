// A hand-written LayerNorm module on [B, C, H·W], and the two ways to get a variance.

import { LayerNorm, linspace, Module, ones, Parameter, zeros, type Tensor } from 'evenkeel';

/** `mean of squares`: E[x²] − E[x]², one pass, which cancels for a large mean. `deviations`: E[(x − E[x])²]. */
export type Variance = 'mean of squares' | 'deviations';

export class LayerNormByHand extends Module {
  readonly eps: number;
  readonly gain: Parameter | null;
  readonly bias: Parameter | null;

  constructor(
    readonly normalizedShape: readonly number[],
    readonly variance: Variance = 'deviations',
    { eps = 1e-5, elementwiseAffine = true } = {},
  ) {
    super();
    this.eps = eps;
    this.gain = elementwiseAffine ? new Parameter(ones(normalizedShape)) : null;
    this.bias = elementwiseAffine ? new Parameter(zeros(normalizedShape)) : null;
  }

  forward(x: Tensor): Tensor {
    const trailing = x.shape.slice(-this.normalizedShape.length);
    if (trailing.join() !== this.normalizedShape.join()) {
      throw new Error(`the input ends in ${trailing.join(' × ')}, not in ${this.normalizedShape.join(' × ')}`);
    }
    const { mean, variance } = this.statistics(x);
    const normalized = x.sub(mean).div(variance.add(this.eps).sqrt());
    return this.gain === null || this.bias === null ? normalized : normalized.mul(this.gain).add(this.bias);
  }

  /** E[x], E[x²] and the variance over the last axes, B × 1 × 1 for [C, H·W]. */
  statistics(x: Tensor): { mean: Tensor; meanX2: Tensor; variance: Tensor } {
    const dims = this.normalizedShape.map((_, i) => -1 - i);
    const mean = x.mean(dims, { keepdim: true });
    const meanX2 = x.square().mean(dims, { keepdim: true });
    switch (this.variance) {
      case 'mean of squares':
        return { mean, meanX2, variance: meanX2.sub(mean.square()) };
      case 'deviations':
        return { mean, meanX2, variance: x.sub(mean).square().mean(dims, { keepdim: true }) };
    }
  }
}

/** How far both ways are from the truth, the layer in float64: the errors of the elements furthest off. */
export function errors(x: Tensor): { meanOfSquares: number; deviations: number; layer: number } {
  const shape = x.shape.slice(1);
  const truth = new LayerNorm(shape, { elementwiseAffine: false }).forward(x.to('float64'));
  const error = (y: Tensor) => y.to('float64').sub(truth).abs().max().item();
  return {
    meanOfSquares: error(new LayerNormByHand(shape, 'mean of squares').forward(x)),
    deviations: error(new LayerNormByHand(shape, 'deviations').forward(x)),
    layer: error(new LayerNorm(shape).forward(x)),
  };
}

export function example(): string {
  const x = linspace(0, 23, 24).reshape([2, 3, 4]);
  const inputs: readonly (readonly [string, Tensor])[] = [
    ['0, 1, ... 23', x],
    ['10000, 10001, ... 10023', x.add(1e4)],
    ['10000, 10000.04, ... 10001', x.div(23).add(1e4)],
    ['10000, 10000.09, ... 10002', x.div(11.5).add(1e4)],
  ];
  const rows = inputs.map(([name, input]) => {
    const { meanOfSquares, deviations, layer } = errors(input);
    return [name.padEnd(28), ...[meanOfSquares, deviations, layer].map((error) => error.toPrecision(2).padStart(14))].join('');
  });
  return [
    'LayerNorm([3, 4]) by hand on linspace(0, 23, 24).reshape([2, 3, 4]): 2 means',
    new LayerNormByHand([3, 4], 'deviations', { elementwiseAffine: false }).forward(x),
    '',
    'Largest error by the way to the variance; the results lie between -1.6 and 1.6:',
    `${' '.repeat(28)} E[x²] − E[x]² E[(x − E[x])²]     the layer`,
    ...rows,
    'A variance that comes out as 0 or below gives huge numbers or NaN.',
  ].join('\n');
}
