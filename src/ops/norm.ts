// norm: every normalization that shares statistics, forward beside backward. May import errors, notation, plan, kernels,
// create, tensor, autograd, check, movement, elementwise and reduce.

import { grad, isCreatingGraph, isRecorded, record } from '../autograd.js';
import { empty } from '../create.js';
import { KeelError, showShape } from '../errors.js';
import type { Statistics } from '../kernels/kernels.js';
import { bringStrided } from '../kernels/strided.js';
import type { AxisNames } from '../notation.js';
import { layout, type Layout, type Plan } from '../plan.js';
import { scope, type Tensor } from '../tensor.js';
import { checkBackend, checkDtype, checkFloats, checkSameShape, checkTensors } from './check.js';
import { add, div, lt, mul, sqrt, square, sub, where } from './elementwise.js';
import { arrange, arrangeBack, copyInto, expand, fill, permute, reshape, to, toBackend } from './movement.js';
import { mean, vectorNorm } from './reduce.js';

export interface NormSettings {
  /** `moments` (mean and variance), `rms` or `l2`. Default `moments`. */
  readonly statistics?: Statistics;
  /** Scale along the axes after the comma. Default none. */
  readonly weight?: Tensor | null;
  /** Shift along the axes after the comma. Default none. */
  readonly bias?: Tensor | null;
  /** Default 1e-5 for moments, 1e-12 for l2; for rms, null: the machine epsilon of x's dtype. */
  readonly eps?: number | null;
}

/** Options of {@link norm}: its settings, and the size of any axis or factor that the pattern names. */
export type NormOptions<P extends string> = NormSettings & {
  /** A tensor of x's shape that takes the result; it must not require a gradient. */
  readonly out?: Tensor;
} & { readonly [name in AxisNames<P>]?: string extends name ? unknown : number };

/** What {@link normWithStatistics} returns: `mean` and `rstd` = 1/√(variance + eps) have extent 1 where all is shared. */
export interface Normalized {
  readonly y: Tensor;
  readonly mean: Tensor;
  readonly rstd: Tensor;
}

/**
 * Normalizes x over the sets that the pattern's brackets name: y = (x − mean) / √(variance + eps) · weight + bias with
 * the biased variance, or with `statistics: 'rms'` x / √(mean x² + eps) · weight, `'l2'` x / max(‖x‖, eps) · weight.
 *
 * @param x float32 or float64, any shape that the pattern fits
 * @param pattern axes in memory order, brackets around those that share statistics, after a comma the axes of the
 *   parameters: `'b (g [c]) [s...], (g c)'` is GroupNorm
 * @throws KeelError [syntax], [name], [rank], [indivisible], [uninferable], [size] where pattern and shape do not fit;
 *   [shape] for parameters of another shape; [dtype], [backend] for operands that differ; [argument] for a bad eps.
 * @see https://arxiv.org/abs/1607.06450 and https://arxiv.org/abs/1803.08494
 * @example
 * norm(randn([2, 6, 4, 5]), 'b (g [c]) [s...], (g c)', { g: 3, weight: ones([6]), bias: zeros([6]) });
 */
export function norm<const P extends string>(x: Tensor, pattern: P, options?: NormOptions<NoInfer<P>>): Tensor {
  checkTensors('norm', [x]);
  const { settings, sizes, out } = separate(options ?? {});
  checkOut(x, settings, out);
  bringStrided();
  const { y } = normalize(x, layout(pattern, x.shape, sizes), { ...settings, out });
  return y;
}

/**
 * {@link norm}, and the statistics that it used.
 *
 * @example
 * normWithStatistics(randn([2, 3, 4]), 'b n [c]').mean.shape; // [2, 3, 1]
 */
export function normWithStatistics<const P extends string>(
  x: Tensor,
  pattern: P,
  options?: NormOptions<NoInfer<P>> & { readonly out?: never },
): Normalized {
  checkTensors('normWithStatistics', [x]);
  const { settings, sizes, out } = separate(options ?? {});
  if (out !== undefined) throw new KeelError('argument', 'normWithStatistics() takes no out: use norm(), or leave it away');
  bringStrided();
  return normalize(x, layout(pattern, x.shape, sizes), { ...settings, wants: ['mean', 'rstd'] });
}

/** What {@link normalize} can give beside y. */
export type Wanted = 'mean' | 'variance' | 'rstd';

export interface Normalization<W extends Wanted = Wanted> extends NormSettings {
  /** Statistics to use in place of x's own, one for each set in memory order. */
  readonly given?: { readonly mean: Tensor; readonly variance: Tensor } | null;
  readonly wants?: readonly W[];
  readonly out?: Tensor | undefined;
}

/** @internal Normalizes x by a layout on its shape; the layers' way in. Statistics have the layout's `statisticShape`, no history. */
export function normalize<W extends Wanted = never>(
  x: Tensor,
  form: Layout,
  { statistics = 'moments', weight = null, bias = null, eps, given = null, wants = [], out }: Normalization<W> = {},
): { readonly y: Tensor } & { readonly [name in W]: Tensor } {
  const parameters = [weight, bias].filter((parameter) => parameter !== null);
  checkFloats('norm', [x, ...parameters, ...(given === null ? [] : [given.mean, given.variance])]);
  for (const [name, parameter] of [['weight', weight], ['bias', bias]] as const) checkParameter(name, parameter, form);
  const call: Call = { plan: form.plan, statistics, eps: checkEps(eps, statistics, x), given };
  const results: Results = Object.fromEntries(wants.map((name) => [name, empty(form.statisticShape, x.dtype, x)]));
  const isDirect = form.permutation === null && form.spread === null;
  const compute = () => normalizeArranged(call, x, form, weight, bias, results, out);
  // Without copies of the operands there is nothing for a scope to clear away.
  const y = isDirect ? compute() : scope(compute);
  // One tensor for each name of `wants`, by the line that made them.
  return { y, ...results } as { readonly y: Tensor } & { readonly [name in W]: Tensor };
}

/**
 * @internal sum = x + residual and its normalization in one sweep, for operands of one shape. Its backward adds what
 * flows into the sum to what flows through y.
 */
export function addNormalize(
  x: Tensor,
  residual: Tensor,
  form: Layout,
  { statistics = 'moments', weight = null, bias = null, eps }: NormSettings,
): { readonly sum: Tensor; readonly y: Tensor } {
  const sides = [x, residual, weight, bias].filter((operand) => operand !== null);
  checkFloats('norm', sides);
  checkSameShape('residual', residual, x.shape);
  for (const [name, parameter] of [['weight', weight], ['bias', bias]] as const) checkParameter(name, parameter, form);
  const call: Call = { plan: form.plan, statistics, eps: checkEps(eps, statistics, x), given: null };
  const sum = empty(x.shape, x.dtype, x);
  return { sum, y: run(call, x, weight, bias, {}, undefined, { residual, sum }) };
}

type Results = { readonly [name in Wanted]?: Tensor };

/** Brings the operands into the order of the plan, and the result back. */
function normalizeArranged(
  call: Call,
  x: Tensor,
  form: Layout,
  weight: Tensor | null,
  bias: Tensor | null,
  results: Results,
  out: Tensor | undefined,
): Tensor {
  const spread = (parameter: Tensor | null) => (parameter === null ? null : spreadOver(parameter, form));
  const { permutation, shape } = form;
  if (permutation === null) return run(call, x, spread(weight), spread(bias), results, out);
  const arranged = run(call, arrange(x, permutation), spread(weight), spread(bias), results, undefined);
  const y = arrangeBack(arranged, permutation, shape);
  if (out === undefined) return y;
  copyInto(out, y);
  return out;
}

interface Call {
  readonly plan: Plan;
  readonly statistics: Statistics;
  readonly eps: number;
  readonly given: { readonly mean: Tensor; readonly variance: Tensor } | null;
}

function run(
  call: Call,
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  results: Results,
  out: Tensor | undefined,
  added: { readonly residual: Tensor; readonly sum: Tensor } | null = null,
): Tensor {
  const { plan, statistics, eps, given } = call;
  const { kernels } = x.storage;
  const inputs = [x, weight, bias, added?.residual ?? null];
  const y = out ?? empty(x.shape, x.dtype, x);
  const size = kernels.normSaved(plan);
  // Without elements there may be any number of statistics, which nobody needs: of shape [2 ** 32, 0] one for each row.
  const isEmpty = x.size === 0;
  const saved = isRecorded(inputs) ? empty([isEmpty ? 0 : size.length], size.dtype, x) : null;
  if (!isEmpty || Object.keys(results).length > 0) {
    kernels.norm({
      plan,
      statistics,
      eps,
      x: x.storage.handle,
      residual: handle(added?.residual ?? null),
      sum: handle(added?.sum ?? null),
      weight: handle(weight),
      bias: handle(bias),
      given: given === null ? null : { mean: given.mean.storage.handle, variance: given.variance.storage.handle },
      y: y.storage.handle,
      mean: handle(results.mean ?? null),
      variance: handle(results.variance ?? null),
      rstd: handle(results.rstd ?? null),
      saved: isEmpty ? null : handle(saved),
    });
  }
  if (out !== undefined) out.storage.version++;
  if (saved === null) return y;
  // Shapes of the gradients that are asked for.
  const wanted = [asked(x) ?? asked(added?.residual), asked(weight), asked(bias)];
  const optional = [weight, bias, given?.mean ?? null, given?.variance ?? null];
  const present = optional.map((tensor) => tensor !== null);
  record({
    name: 'NormBackward',
    inputs,
    outputs: added === null || wanted[0] === null ? [y] : [y, added.sum],
    saved: [added?.sum ?? x, saved, ...optional.filter((tensor) => tensor !== null)],
    backward: ([dy, dsum = null], [savedX, savedStatistics, ...rest]) => {
      if (!dy) return [dsum, null, null, dsum];
      const [w = null, b = null, m = null, v = null] = present.map((is) => (is ? (rest.shift() ?? null) : null));
      const restored = { plan, statistics, eps, given: m && v ? { mean: m, variance: v } : null };
      const [dx = null, dweight = null, dbias = null] = isCreatingGraph()
        ? recordedBackward(restored, [savedX, w, b], dy, dsum, wanted)
        : fusedBackward(restored, savedX, w, savedStatistics, dy, dsum, wanted);
      return [dx, dweight, dbias, dx];
    },
  });
  saved.dispose();
  return y;
}

function asked(operand: Tensor | null | undefined): readonly number[] | null {
  return operand?.requiresGrad === true ? operand.shape : null;
}

function handle(tensor: Tensor | null): unknown {
  return tensor?.storage.handle ?? null;
}

function fusedBackward(
  { plan, statistics, eps }: Call,
  x: Tensor,
  weight: Tensor | null,
  saved: Tensor,
  dy: Tensor,
  dsum: Tensor | null,
  wanted: readonly (readonly number[] | null)[],
): (Tensor | null)[] {
  if (x.size === 0) return wanted.map((shape) => shape && zerosLike(dy, shape));
  const [dx = null, dweight = null, dbias = null] = wanted.map((shape) => (shape === null ? null : empty(shape, x.dtype, x)));
  x.storage.kernels.normBackward({
    plan,
    statistics,
    eps,
    x: x.storage.handle,
    dy: dy.storage.handle,
    dsum: handle(dsum),
    weight: handle(weight),
    saved: saved.storage.handle,
    dx: handle(dx),
    dweight: handle(dweight),
    dbias: handle(dbias),
  });
  return [dx, dweight, dbias];
}

/**
 * The gradient as recorded operations: those of the formula, written with operations that know their own derivatives.
 * In float64, which keeps what float32 would round away between one operation and the next.
 */
function recordedBackward(
  call: Call,
  operands: readonly [Tensor, Tensor | null, Tensor | null],
  dy: Tensor,
  dsum: Tensor | null,
  wanted: readonly (readonly number[] | null)[],
): (Tensor | null)[] {
  const [{ dtype, size }] = operands;
  if (size === 0) return wanted.map((shape) => shape && zerosLike(dy, shape));
  // Copies are fresh names for the operands: the walk ends at them, and not at what they were computed from.
  const [x, weight, bias] = [to(operands[0], 'float64'), wide(operands[1]), wide(operands[2])];
  const given = call.given && { mean: to(call.given.mean, 'float64'), variance: to(call.given.variance, 'float64') };
  const y = composed({ ...call, given }, x, weight, bias);
  const asked = [x, weight, bias].map((operand, i) => (wanted[i] === null ? null : operand));
  const present = asked.filter((operand) => operand !== null);
  const found = grad(y, present, { gradOutputs: to(dy, 'float64'), createGraph: true });
  const [dx = null, ...parameters] = asked.map((operand) => {
    const gradient = operand === null ? null : (found.shift() ?? null);
    return gradient === null ? null : toBackend(gradient, dtype, dy);
  });
  return [dx === null || dsum === null ? dx : add(dx, dsum), ...parameters];
}

function wide(operand: Tensor | null): Tensor | null {
  return operand === null ? null : to(operand, 'float64');
}

function zerosLike(x: Tensor, shape: readonly number[]): Tensor {
  const zeros = empty(shape, x.dtype, x);
  fill(zeros, 0);
  return zeros;
}

/** The formula in operations, on the runs of the plan as four axes. */
function composed({ plan, statistics, eps, given }: Call, x: Tensor, weight: Tensor | null, bias: Tensor | null): Tensor {
  const { k0, r0, k1, r1, affine, inner } = plan;
  const runs = reshape(x, [k0, r0, k1, r1]);
  const scaled = normalizeRuns(runs, statistics, eps, given, [k0, 1, k1, 1]);
  const byParameter = affine === 0 ? scaled : reshape(scaled, [x.size / Math.max(1, affine * inner), affine, inner]);
  const column = (parameter: Tensor) => reshape(parameter, [affine, 1]);
  const weighted = weight === null ? byParameter : mul(byParameter, column(weight));
  return reshape(bias === null ? weighted : add(weighted, column(bias)), x.shape);
}

function normalizeRuns(
  x: Tensor,
  statistics: Statistics,
  eps: number,
  given: Call['given'],
  sets: readonly number[],
): Tensor {
  const variance = given === null ? null : reshape(given.variance, sets);
  if (given !== null && variance !== null) return div(sub(x, reshape(given.mean, sets)), sqrt(add(variance, eps)));
  if (statistics === 'l2') {
    const length = vectorNorm(x, 2, [1, 3], { keepdim: true });
    return div(x, where(lt(length, eps), eps, length));
  }
  const centred = statistics === 'moments' ? sub(x, overSets(x)) : x;
  return div(centred, sqrt(add(overSets(square(centred)), eps)));
}

function overSets(runs: Tensor): Tensor {
  return mean(runs, [1, 3], { keepdim: true });
}

/** The parameter's values in the order of the plan's `affine`. */
function spreadOver(parameter: Tensor, { spread }: Layout): Tensor {
  if (spread === null) return parameter;
  return expand(reshape(permute(reshape(parameter, spread.view), spread.order), spread.ones), spread.span);
}

/** Refuses a weight or bias that the pattern has no axes for, or that has others. */
export function checkParameter(name: string, parameter: Tensor | null, form: Layout): void {
  if (parameter === null) return;
  if (form.parameterShape === null) {
    throw new KeelError(
      'shape',
      `${name} is given, but the pattern names no axes for it: add a comma and the axes it varies along\n  ${form.pattern.text}`,
      { pattern: form.pattern.text },
    );
  }
  checkSameShape(name, parameter, form.parameterShape);
}

function checkEps(eps: number | null | undefined, statistics: Statistics, x: Tensor): number {
  if (eps === undefined || eps === null) {
    if (statistics === 'rms') return machineEpsilon(x);
    return statistics === 'l2' ? 1e-12 : 1e-5;
  }
  if (typeof eps === 'number' && !Number.isNaN(eps)) return eps;
  throw new KeelError('argument', `eps must be a number, got ${String(eps)}`, { eps });
}

/** 2⁻²³ for float32, 2⁻⁵² for float64. */
function machineEpsilon(x: Tensor): number {
  return x.dtype === 'float64' ? Number.EPSILON : 2 ** -23;
}

function checkOut(x: Tensor, { weight = null, bias = null }: NormSettings, out: Tensor | undefined): void {
  if (out === undefined) return;
  checkBackend('norm', [x, out]);
  checkDtype('norm', [x, out]);
  checkSameShape('out', out, x.shape);
  if (!isRecorded([x, weight, bias, out])) return;
  throw new KeelError(
    'graph',
    "norm(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires " +
      `grad: call it inside noGrad, or without out (${showShape(out.shape)})`,
  );
}

/** Settings apart from sizes of axes. */
function separate(options: NormOptions<string>): {
  settings: NormSettings;
  sizes: Record<string, number>;
  out: Tensor | undefined;
} {
  const { statistics, weight, bias, eps, out, ...sizes } = options;
  if (statistics !== undefined && !['moments', 'rms', 'l2'].includes(statistics)) {
    throw new KeelError('argument', `statistics must be 'moments', 'rms' or 'l2', got '${String(statistics)}'`, { statistics });
  }
  const settings = {
    ...(statistics !== undefined && { statistics }),
    ...(weight !== undefined && { weight }),
    ...(bias !== undefined && { bias }),
    eps: eps ?? null,
  };
  // What is left are sizes, or names that layout refuses.
  return { settings, sizes: sizes as Record<string, number>, out };
}
