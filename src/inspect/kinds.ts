// Which kind of norm a module of a state dict is, by its keys and shapes, its name and what stands beside it. May import
// tensor.

import { sameShape, sizeOf } from '../tensor.js';
import type { NormConfig } from './config.js';
import { batchNormOf, type KeyNorm } from './found.js';
import type { NormKind, TensorRole } from './inspection.js';
import type { LayoutRole } from './layoutroles.js';
import { childOf, type KeyModule, type Part, splitPath } from './modules.js';
import { computedWeights } from './weights.js';

/** What the rest of a state dict tells of one of its modules. */
export interface Surroundings {
  readonly modules: ReadonlyMap<string, KeyModule>;
  readonly config: NormConfig | null;
  /** Extents of input and output of every convolution. */
  readonly channels: ReadonlySet<number>;
  /** Names, without their numbers, that BatchNorms have here and other modules of one axis do not. */
  readonly batchNames: ReadonlySet<string>;
  /** Children of modules that have attention among them. */
  readonly attention: ReadonlySet<string>;
  /** What the layout says of the module with this key. */
  role(key: string): LayoutRole | null;
  /** Axes of the weight of the layer before or beside a norm; null where there is none that is known. */
  neighbourRank(path: string): number | null;
}

/** The norms of a module: none, one, or one beside weights that are computed. */
export function normsOf(module: KeyModule, around: Surroundings): KeyNorm[] {
  const computed = computedWeights(module);
  const own = runningNorm(module, around) ?? replacement(module, around) ?? affineNorm(module, around);
  return own === null ? computed : [own, ...computed];
}

/** A module's own name without its number: `bn` of `layer1.0.bn1`, `norm` of `norms.0.norm2`. */
export function stemOf(path: string): string {
  return splitPath(path)[1].replace(/_?\d+$/, '').toLowerCase();
}

const scaleNames = ['weight', 'gamma', 'gain', 'a_2'];
const shiftNames = ['bias', 'beta', 'b_2'];

/** Whether a module has running statistics: no other kind of layer has. */
export function hasRunning({ parts }: KeyModule): boolean {
  return ['running_mean', 'running_var'].some((name) => parts.get(name)?.shape.length === 1);
}

function runningNorm(module: KeyModule, around: Surroundings): KeyNorm | null {
  const { path, parts } = module;
  const isAffine = parts.get('weight')?.shape.length === 1;
  const isBare = isAffine && !parts.has('num_batches_tracked') && around.batchNames.has(stemOf(path));
  if (!hasRunning(module) && !isBare) return null;
  const roles = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'] as const;
  const own = rolesOf(roles.map((role) => [role, parts.get(role)]));
  if (nameKind(path) === 'InstanceNorm') {
    return { path, candidates: ['InstanceNorm'], evidence: 'running statistics, and its name', parts: own };
  }
  const rank = around.neighbourRank(path);
  const kind = batchNormOf(rank);
  const beside = kind === 'BatchNorm' ? '' : ` beside a weight of ${rank} axes`;
  const evidence = isBare && !hasRunning(module) ? 'the name of the other BatchNorms' : `running statistics${beside}`;
  return { path, candidates: [kind], evidence, parts: own };
}

/** DyT, GRN and layer scale. */
function replacement({ path, parts }: KeyModule, around: Surroundings): KeyNorm | null {
  const [weight, bias, alpha, gamma, beta] = ['weight', 'bias', 'alpha', 'gamma', 'beta'].map((name) => parts.get(name));
  if (alpha !== undefined && sizeOf(alpha.shape) === 1 && weight?.shape.length === 1 && bias?.shape.length === 1) {
    const own = rolesOf([['weight', weight], ['bias', bias], ['alpha', alpha]]);
    return { path, candidates: ['DyT'], evidence: 'alpha of one element, weight and bias', parts: own };
  }
  const name = splitPath(path)[1];
  const [scale, shift] = [gamma ?? weight, beta ?? bias];
  const isOuter = gamma !== undefined && beta !== undefined && gamma.shape.length === 4;
  if (scale !== undefined && shift !== undefined && (isOuter || name === 'grn')) {
    const evidence = isOuter ? 'gamma and beta of shape (1, 1, 1, C)' : 'its name, a scale and a shift';
    return { path, candidates: ['GRN'], evidence, parts: rolesOf([['weight', scale], ['bias', shift]]) };
  }
  for (const [partName, part] of parts) {
    const isAlone = partName === 'gamma' && beta === undefined && nameKind(path) === null;
    if (!isAlone && !/^(layer_?scale\w*|gamma_\d|lambda_?\d)$/.test(partName)) continue;
    if (sizeOf(part.shape) === 0 || Math.max(...part.shape, 1) !== sizeOf(part.shape)) continue;
    // A module of its own, as ls1, or a parameter of the block.
    const isOwn = parts.size === 1 && /^(ls|layer_?scale)/i.test(name);
    const evidence = around.role(part.key)?.kind === 'LayerScale' ? 'the layout of its keys' : `a vector called ${partName}`;
    const at = isOwn ? path : childOf(path, partName);
    return { path: at, candidates: ['LayerScale'], evidence, parts: rolesOf([['weight', part]]) };
  }
  return null;
}

/** A scale, and perhaps a shift, and nothing else. */
function affineNorm({ path, parts }: KeyModule, around: Surroundings): KeyNorm | null {
  const scaleName = scaleNames.find((name) => parts.has(name));
  const scale = parts.get(scaleName ?? '');
  const shiftName = shiftNames.find((name) => parts.has(name));
  const shift = parts.get(shiftName ?? '');
  if (scale === undefined || parts.size !== (shift === undefined ? 1 : 2)) return null;
  const own = rolesOf([['weight', scale], ['bias', shift]]);
  const verdict = scale.shape.length === 1 ? byVector(path, scale, shift, around) : byArray(path, scale, shift);
  return verdict === null ? null : { path, ...verdict, parts: own };
}

type Verdict = Pick<KeyNorm, 'candidates' | 'evidence'>;

/** A scale of several axes is LayerNorm's: the bias of a linear layer has one. */
function byArray(path: string, scale: Part, shift: Part | undefined): Verdict | null {
  if (scale.shape.length < 2) return null;
  if (shift !== undefined && sameShape(shift.shape, scale.shape)) {
    return { candidates: ['LayerNorm'], evidence: `weight and bias of ${scale.shape.length} axes` };
  }
  if (shift !== undefined || !/(^|[._])(layer_?norm|rms_?norm|norm|ln)\d*$/i.test(path)) return null;
  return { candidates: ['LayerNorm', 'RMSNorm'], evidence: `its name, and a weight of ${scale.shape.length} axes without bias` };
}

function byVector(path: string, scale: Part, shift: Part | undefined, around: Surroundings): Verdict | null {
  const { config } = around;
  const [width = 0] = scale.shape;
  const named = nameKind(path);
  const role = around.role(scale.key);
  if (shift === undefined) return byScale(path, scale, around);
  const keys = `weight and bias of ${width}`;
  if (role?.kind === 'LayerNorm' || role?.kind === 'LayerNorm2d') {
    return { candidates: [role.kind], evidence: `${keys}, and the layout of the keys` };
  }
  const configured = config?.norm ?? null;
  if (configured !== null && affineKinds.includes(configured)) {
    return { candidates: [configured], evidence: `${keys}, and the configuration` };
  }
  if (named !== null && named !== 'norm' && named !== 'BatchNorm') {
    return { candidates: [named], evidence: `${keys}, and its name` };
  }
  if (around.attention.has(path)) return { candidates: ['LayerNorm'], evidence: `${keys} beside attention` };
  if (named === null && role === null && width <= 1) return null;
  if (named === 'norm' && !around.channels.has(width)) {
    return { candidates: ['LayerNorm'], evidence: `${keys}, and no convolution of that width` };
  }
  return {
    candidates: affineKinds,
    evidence: `${keys}, which InstanceNorm may have too, and BatchNorm without running statistics`,
  };
}

/** What may have a weight and a bias of one axis and nothing else; the last two by options that are not the default. */
const affineKinds: readonly NormKind[] = ['LayerNorm', 'LayerNorm2d', 'GroupNorm', 'InstanceNorm', 'BatchNorm'];

/** transformers' models whose norm is an RMSNorm though its name is not. */
const rmsModels = ['t5', 'mt5', 'umt5', 'llama', 'mistral', 'qwen2', 'gemma', 'gemma2'];

function byScale(path: string, { shape }: Part, { config, role }: Surroundings): Verdict | null {
  const [width = 0] = shape;
  const named = nameKind(path);
  const keys = `weight of ${width} without bias`;
  if (named === 'RMSNorm' || named === 'GroupNorm') return { candidates: [named], evidence: `${keys}, and its name` };
  const isNamed = named !== null || role(childOf(path, 'weight')) !== null;
  if (isNamed) {
    const saysRms = config !== null && (config.norm === 'RMSNorm' || config.eps.some(({ field }) => field === 'rms_norm_eps'));
    const isRms = saysRms || rmsModels.includes(config?.modelType ?? '');
    if (isRms) return { candidates: ['RMSNorm'], evidence: `${keys}, and the configuration` };
    if (config?.norm === 'LayerNorm') return { candidates: ['LayerNorm'], evidence: `${keys}, and the configuration` };
    return { candidates: ['RMSNorm', 'LayerNorm'], evidence: keys };
  }
  if (width <= 1 || /prelu|^act|loss|criterion|scale|embed/i.test(splitPath(path)[1])) return null;
  return { candidates: ['RMSNorm', 'LayerNorm', 'PReLU'], evidence: `${keys}, and no name that tells` };
}

/** What its own name, or that of the list it is in, calls it; `norm` for a norm of some kind, null for no norm. */
function nameKind(path: string): 'RMSNorm' | 'GroupNorm' | 'InstanceNorm' | 'LayerNorm' | 'BatchNorm' | 'norm' | null {
  const [parent, own] = splitPath(path);
  const name = /^\d+$/.test(own) ? splitPath(parent)[1] : own;
  return names.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}

const names = [
  // Not the end of layernorms.
  [/(?<!no)rms/i, 'RMSNorm'],
  [/group_?norm|(^|_)gn\d*$/i, 'GroupNorm'],
  [/instance_?norm|^in\d+$/i, 'InstanceNorm'],
  [/layer_?norm|(^|_)ln(_?\w{1,6})?$/i, 'LayerNorm'],
  [/batch_?norm|(^|_)bn\d*$/i, 'BatchNorm'],
  [/norm/i, 'norm'],
] as const;

function rolesOf(parts: readonly (readonly [TensorRole, Part | undefined])[]): ReadonlyMap<TensorRole, Part> {
  return new Map(parts.flatMap(([role, part]) => (part === undefined ? [] : [[role, part] as const])));
}
