// The norms of a state dict. May import io and nn.

import type { TensorEntry } from '../io/contents.js';
import type { KeyLayout } from '../nn/blocks/layouts.js';
import { weightNormPattern } from '../nn/weightnorm.js';
import type { Tensor } from '../tensor.js';
import { epsIn, type NormConfig } from './config.js';
import { type FoundNorm, type FoundPart, isBatchNorm, type KeyNorm, patternOf } from './found.js';
import type { NormKind, TensorRole } from './inspection.js';
import { hasRunning, normsOf, stemOf, type Surroundings } from './kinds.js';
import { inLayoutOrder, isWhole, type LayoutRole, roleOf } from './layoutroles.js';
import { childOf, type KeyModule, modulesOf, type Part, splitPath } from './modules.js';
import { type Neighbour, neighboursOf } from './neighbours.js';
import { axisOf } from './weights.js';

/** A file's tensors, described, and each when it is asked for. */
export interface Entries {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  read(key: string): Promise<Tensor>;
}

/** Models of known layouts have fewer tensors; the order of more takes long. */
const MOST_ORDERED = 20_000;

/** The norms that keys and shapes show, in the order of their modules. */
export function normsByKey({ entries, read }: Entries, layout: KeyLayout | null, config: NormConfig | null): FoundNorm[] {
  const isKnown = layout !== null && isWhole(layout, entries);
  const modules = modulesOf(isKnown && entries.size <= MOST_ORDERED ? new Map(inLayoutOrder(layout, [...entries])) : entries);
  const roles = new Map<string, LayoutRole | null>();
  const role = (key: string) => {
    const known = isKnown ? (roles.get(key) ?? roleOf(layout, key)) : null;
    roles.set(key, known);
    return known;
  };
  const attention = besideAttention(modules);
  // Where the norms of a transformer's block stand is an option, which names do not tell.
  const widths = new Map([...widthsOf(modules)].filter(([path]) => !attention.has(path)));
  const neighbours = neighboursOf(widths, modules);
  const around: Surroundings = {
    modules,
    config,
    channels: channelsOf(modules),
    batchNames: batchNamesOf(modules),
    attention,
    role,
    neighbourRank: (path) => {
      const beside = role(modules.get(path)?.parts.get('running_mean')?.key ?? '')?.follows ?? null;
      const known = beside === null ? null : (modules.get(beside)?.parts.get('weight')?.shape.length ?? null);
      return known ?? neighbours.get(path)?.rank ?? null;
    },
  };
  return [...modules.values()].flatMap((module) =>
    normsOf(module, around).map((norm) => found(norm, { role, neighbours, modules, config, read })),
  );
}

interface Known {
  role(key: string): LayoutRole | null;
  readonly neighbours: ReadonlyMap<string, Neighbour>;
  readonly modules: ReadonlyMap<string, KeyModule>;
  readonly config: NormConfig | null;
  read(key: string): Promise<Tensor>;
}

function found(norm: KeyNorm, { role, neighbours, modules, config, read }: Known): FoundNorm {
  const { path, candidates, evidence, parts } = norm;
  const [first] = parts.values();
  const shape = first?.shape ?? [];
  const eps = hasEps(candidates) ? epsOf(norm, config, modules) : null;
  const beside = besideOf(norm, role(first?.key ?? ''), neighbours.get(path), modules);
  return {
    path,
    candidates,
    evidence,
    eps,
    epsFrom: eps === null ? 'not stored' : 'config',
    groups: candidates.includes('GroupNorm') ? (config?.groups ?? null) : null,
    pattern: candidates[0] === 'weight_norm' ? weightPattern(parts) : patternOf(candidates, shape),
    ...beside,
    foldable: foldableOf(candidates, beside.foldable),
    parts: new Map([...parts].map(([key, part]): [TensorRole, FoundPart] => [key, { ...part, read: () => read(part.key) }])),
  };
}

/** transformers' ConvNeXt passes its layer_norm_eps to the last norm alone, diffusers its norm_eps not to a {@link leads | norm that leads}. */
function epsOf({ path, candidates }: KeyNorm, config: NormConfig | null, modules: Known['modules']): number | null {
  const isConvNeXt = /^convnext(v2)?$/.test(config?.modelType ?? '');
  const isLast = /^(?!(.*\.)?embeddings\.)([^.]+\.)*layernorm$/.test(path) && !/\.layers\.\d+\.layernorm$/.test(path);
  return (isConvNeXt && !isLast) || leads(path, modules) ? null : epsIn(config, candidates);
}

function hasEps(candidates: readonly NormKind[]): boolean {
  return !candidates.some((kind) => ['weight_norm', 'spectral_norm', 'DyT', 'GRN', 'LayerScale'].includes(kind));
}

type Beside = Pick<FoundNorm, 'follows' | 'precedes' | 'foldable'>;

function besideOf(
  { candidates }: KeyNorm,
  role: LayoutRole | null,
  neighbour: Neighbour | undefined,
  modules: ReadonlyMap<string, KeyModule>,
): Beside {
  const isComputed = candidates.some((kind) => kind === 'weight_norm' || kind === 'spectral_norm');
  if (role !== null && !isComputed) {
    const existing = (path: string | null) => (path !== null && modules.has(path) ? path : null);
    return { follows: existing(role.follows), precedes: existing(role.precedes), foldable: role.foldable };
  }
  const { path = null, side = null } = neighbour ?? {};
  return { follows: side === 'before' ? path : null, precedes: side === 'after' ? path : null, foldable: 'unknown' };
}

/** What the kind allows of what the place allows. */
function foldableOf(candidates: readonly NormKind[], place: FoundNorm['foldable']): FoundNorm['foldable'] {
  if (candidates.some((kind) => kind === 'weight_norm' || kind === 'spectral_norm')) return 'itself';
  if (candidates.every((kind) => ['GroupNorm', 'InstanceNorm', 'GRN', 'DyT'].includes(kind))) return 'no';
  // A norm that a linear or convolution comes before folds into it if its statistics are fixed: BatchNorm's.
  const isFixed = candidates.every((kind) => isBatchNorm(kind) || kind === 'LayerScale');
  return place === 'before' && !isFixed ? 'unknown' : place;
}

function weightPattern(parts: KeyNorm['parts']): string | null {
  const [magnitude, direction] = [parts.get('magnitude'), parts.get('direction')];
  if (magnitude === undefined || direction === undefined) return null;
  const axis = axisOf(magnitude.shape, direction.shape);
  return axis === undefined ? null : weightNormPattern(direction.shape.length, axis);
}

/** Modules of one axis, which may be norms. */
function widthsOf(modules: ReadonlyMap<string, KeyModule>): ReadonlyMap<string, number> {
  return new Map(
    [...modules].flatMap(([path, { parts }]) => {
      const [width, another] = (parts.get('weight') ?? parts.get('running_mean'))?.shape ?? [];
      return width === undefined || another !== undefined ? [] : [[path, width] as const];
    }),
  );
}

function channelsOf(modules: ReadonlyMap<string, KeyModule>): ReadonlySet<number> {
  const channels = new Set<number>();
  for (const { parts } of modules.values()) {
    const convolutions = [...parts.values()].filter(({ shape }) => isConvolution(shape));
    for (const { shape } of convolutions) for (const extent of shape.slice(0, 2)) channels.add(extent);
  }
  return channels;
}

/** Three to five axes; a class token or an embedding of positions has a first extent of 1. */
function isConvolution(shape: Part['shape']): boolean {
  return shape.length >= 3 && shape.length <= 5 && shape[0] !== 1;
}

/** The names that BatchNorms have and no more than a few of other modules of one axis. */
function batchNamesOf(modules: ReadonlyMap<string, KeyModule>): ReadonlySet<string> {
  const counts = new Map<string, { batch: number; other: number }>();
  for (const [path, module] of modules) {
    const stem = stemOf(path);
    if (stem === '' || module.parts.get('weight')?.shape.length !== 1) continue;
    const count = counts.get(stem) ?? { batch: 0, other: 0 };
    if (hasRunning(module)) count.batch++;
    else count.other++;
    counts.set(stem, count);
  }
  return new Set([...counts].flatMap(([stem, { batch, other }]) => (batch > other ? [stem] : [])));
}

/** Modules whose parent has attention among its children, and the last norm of a stack of such parents. */
function besideAttention(modules: ReadonlyMap<string, KeyModule>): ReadonlySet<string> {
  const [blocks, stacks] = [new Set<string>(), new Set<string>()];
  for (const path of modules.keys()) {
    const match = /^(.*?)(?:^|\.)(?:\w*_)?(?:attn|attention|mha)\d*(?:\.|$)/i.exec(path);
    if (match === null) continue;
    const [block = ''] = match.slice(1);
    blocks.add(block);
    const [list, name] = splitPath(block);
    if (/^\d+$/.test(name)) stacks.add(splitPath(list)[0]);
  }
  return new Set(
    [...modules.keys()].filter((path) => {
      const [parent, name] = splitPath(path);
      return blocks.has(parent) || (stacks.has(parent) && /^(final_?)?norm(_f)?$/.test(name) && !leads(path, modules));
    }),
  );
}

/** A GroupNorm of eps 1e-6 before the projection into a stack of blocks with attention, as latent diffusion's UNets have it. */
function leads(path: string, modules: ReadonlyMap<string, KeyModule>): boolean {
  const [parent, name] = splitPath(path);
  return name === 'norm' && modules.has(childOf(parent, 'proj_in'));
}
