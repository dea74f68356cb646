// What may be wrong with one norm, from its tensors' figures and shapes. May import tensor.

import { sameShape } from '../tensor.js';
import { isBatchNorm } from './found.js';
import type { Flag, InspectedNorm, InspectedTensor, TensorRole } from './inspection.js';
import { NEAR_ZERO } from './summary.js';
import { axisOf } from './weights.js';

/** Which elements of a tensor break a rule: how many, and the first. */
export interface Finding {
  readonly count: number;
  readonly first: number;
}

/** The figures of a norm's tensors, and what a sweep over each of them found. */
export interface Swept {
  readonly norm: InspectedNorm;
  /** Elements of γ near zero; of running_var near eps, zero, below zero; by tensor role where there are any. */
  readonly gammaNearZero: Finding;
  readonly varianceNearEps: Finding;
  readonly varianceZero: Finding;
  readonly varianceNegative: Finding;
}

/** eps where none is stored: PyTorch's default. */
export const DEFAULT_EPS = 1e-5;

/** running_var below this many eps: eps then is more than a tenth of it. */
export const EPS_MULTIPLE = 10;

/** Kinds whose scale is about 1 where it acts: GRN's and layer scale's begin near 0. */
const scaled = ['InstanceNorm', 'LayerNorm', 'LayerNorm2d', 'RMSNorm', 'GroupNorm', 'DyT'];

export function flagsOf(swept: Swept): Flag[] {
  return [...gammaFlags(swept), ...varianceFlags(swept), ...updateFlags(swept.norm), ...shapeFlags(swept.norm)];
}

function gammaFlags({ norm, gammaNearZero }: Swept): Flag[] {
  const gamma = tensorOf(norm, 'weight');
  const { count } = gammaNearZero;
  if (gamma === null || count === 0 || !norm.candidates.every((kind) => isBatchNorm(kind) || scaled.includes(kind))) return [];
  const effect = count === gamma.count ? 'the layer passes little but its shift on' : 'such a channel carries little but its shift';
  const message = `${some(gammaNearZero, gamma, 'element', `below ${NEAR_ZERO} in magnitude`)}: ${effect}; prune it, or look whether ` +
    'weight decay acts on norms';
  return [flag('gamma-near-zero', 'warning', norm, gamma, gammaNearZero, message)];
}

function varianceFlags({ norm, varianceNearEps, varianceZero, varianceNegative }: Swept): Flag[] {
  const variance = tensorOf(norm, 'running_var');
  if (variance === null) return [];
  const eps = norm.eps === null ? `${showEps(DEFAULT_EPS)}, PyTorch's default, as eps is not stored` : showEps(norm.eps);
  const found = [
    ['variance-negative', 'error', varianceNegative, 'below zero', 'the root gives NaN; the file is damaged, or was averaged or ' +
      'quantized wrongly'],
    ['variance-zero', 'warning', varianceZero, 'zero', 'the layer before gives a constant there, and any other value would be ' +
      'divided by √eps alone; prune the channel'],
    ['variance-near-eps', 'warning', varianceNearEps, `below ${EPS_MULTIPLE} eps (${eps})`, 'eps decides the scale there; keep the ' +
      'eps of training, and look whether the layer before is nearly dead'],
  ] as const;
  return found.flatMap(([name, level, finding, what, effect]) =>
    finding.count === 0
      ? []
      : [flag(name, level, norm, variance, finding, `${some(finding, variance, 'channel', what)}: ${effect}`)],
  );
}

/** `1 of 4 channels is zero, at [2]`, `3 of 4 elements are infinite, the first at [0]`, `all 4 channels are zero` */
export function some(
  { count, first }: Finding,
  tensor: Pick<InspectedTensor, 'count' | 'shape'>,
  noun: string,
  what: string,
): string {
  if (count === tensor.count) return count === 1 ? `its one ${noun} is ${what}` : `all ${count} ${noun}s are ${what}`;
  const where = show(indexOf(first, tensor.shape));
  return `${count} of ${tensor.count} ${noun}s ${count === 1 ? 'is' : 'are'} ${what}, ${count === 1 ? '' : 'the first '}at ${where}`;
}

/** Running statistics as a new layer has them. */
function updateFlags(norm: InspectedNorm): Flag[] {
  const [mean, variance] = [tensorOf(norm, 'running_mean'), tensorOf(norm, 'running_var')];
  const isNew = isConstant(mean, 0) && isConstant(variance, 1);
  if (!isNew && (norm.batches !== 0 || mean === null)) return [];
  const what = isNew
    ? 'running_mean is 0 and running_var 1 throughout: the running statistics were never updated'
    : 'num_batches_tracked is 0: the running statistics were never updated, or come from a conversion that counts no batches';
  return [flag('never-updated', 'warning', norm, mean, null, `${what}; evaluation uses them: run data through the model in ` +
    'training mode, or save it after training')];
}

function isConstant(tensor: InspectedTensor | null, value: number): boolean {
  if (tensor === null || tensor.count === 0 || tensor.nans + tensor.infinities > 0) return false;
  return tensor.min === value && tensor.max === value;
}

/** Vectors of one layer have one length. */
function shapeFlags(norm: InspectedNorm): Flag[] {
  const [magnitude, direction] = [tensorOf(norm, 'magnitude'), tensorOf(norm, 'direction')];
  if (magnitude !== null && direction !== null && axisOf(magnitude.shape, direction.shape) === undefined) {
    return [mismatch(norm, magnitude, direction)];
  }
  const others = norm.tensors.filter(({ role }) => ['weight', 'bias', 'running_mean', 'running_var'].includes(role));
  const [first, ...rest] = others;
  const odd = first === undefined ? undefined : rest.find(({ shape }) => !sameShape(shape, first.shape));
  return first === undefined || odd === undefined ? [] : [mismatch(norm, first, odd)];
}

function mismatch(norm: InspectedNorm, a: InspectedTensor, b: InspectedTensor): Flag {
  const message = `${a.key} has shape ${show(a.shape)} and ${b.key} ${show(b.shape)}, which do not fit each other: one of the two ` +
    'is of another model';
  return flag('shape-mismatch', 'error', norm, null, null, message);
}

function tensorOf({ tensors }: InspectedNorm, role: TensorRole): InspectedTensor | null {
  return tensors.find((tensor) => tensor.role === role) ?? null;
}

/** `1e-5`, which is 0.00001 otherwise. */
export function showEps(eps: number): string {
  return eps < 1e-2 ? eps.toExponential() : String(eps);
}

/** `[2, 7]` */
export function show(index: readonly number[]): string {
  return `[${index.join(', ')}]`;
}

function flag(
  name: Flag['name'],
  level: Flag['level'],
  { path }: InspectedNorm,
  tensor: InspectedTensor | null,
  finding: Finding | null,
  message: string,
): Flag {
  const what = tensor === null ? '' : `${tensor.key}: `;
  const index = finding === null || tensor === null ? null : indexOf(finding.first, tensor.shape);
  return { name, level, path, tensor: tensor?.key ?? null, count: finding?.count ?? null, index, message: what + message };
}

/** The index of an element by its place in row-major order. */
export function indexOf(flat: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = flat;
  for (const extent of shape.toReversed()) {
    index.push(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return index.reverse();
}
