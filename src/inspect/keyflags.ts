// What may be wrong with the keys of a state dict: layers twice, tensors missing, widths that contradict. May import
// nn and tensor.

import { wrappers } from '../nn/state.js';
import { sizeOf } from '../tensor.js';
import { show } from './flags.js';
import type { FoundNorm } from './found.js';
import type { Flag } from './inspection.js';
import { hasRunning, stemOf } from './kinds.js';
import type { KeyModule, Part } from './modules.js';

export function keyFlags(norms: readonly FoundNorm[], modules: ReadonlyMap<string, KeyModule>): Flag[] {
  return [
    ...doubles(norms, modules),
    ...norms.flatMap((norm) => [...missingParts(norm), ...contradictions(norm, modules)]),
    ...missingBeside(norms, modules),
  ];
}

/** What wrappers put into paths. */
const wrapping = wrappers.map((wrapper) => wrapper.slice(0, -1));

/** The same path with and without a wrapper, and a weight beside the parts that it is computed from. */
function doubles(norms: readonly FoundNorm[], modules: ReadonlyMap<string, KeyModule>): Flag[] {
  const bare = new Map<string, string>();
  const flags: Flag[] = [];
  for (const { path } of norms) {
    const name = path.split('.').filter((part) => !wrapping.includes(part)).join('.');
    const other = bare.get(name);
    if (other === undefined) bare.set(name, path);
    else if (other !== path) {
      const message = `'${path}' and '${other}' are one layer under two prefixes: keep the keys of one of them, the other is of a ` +
        'wrapper';
      flags.push(flag('duplicate-keys', 'error', path, null, message));
    }
  }
  for (const { path, parts } of norms) {
    const [first] = parts.values();
    const plain = modules.get(path)?.parts.get('weight');
    const isComputed = parts.has('magnitude') || parts.has('original');
    if (!isComputed || plain === undefined) continue;
    const message = `${plain.key} stands beside ${first?.key ?? ''}, which it is computed from: remove one of the two`;
    flags.push(flag('duplicate-keys', 'error', path, plain.key, message));
  }
  return flags;
}

/** Parts without which a layer of its kind cannot be. */
function missingParts({ path, candidates: [kind], parts }: FoundNorm): Flag[] {
  const needed = kind === 'weight_norm'
    ? (['magnitude', 'direction'] as const)
    : kind === 'spectral_norm'
      ? (['original', 'u', 'v'] as const)
      : kind?.startsWith('BatchNorm') === true
        ? (['running_mean', 'running_var'] as const)
        : [];
  const absent = needed.filter((role) => !parts.has(role));
  if (absent.length === 0) return [];
  const [first] = parts.values();
  const message = `${path || 'the outermost module'} has ${first?.key ?? 'no tensor'}, and no ${absent.join(', no ')}: ` +
    'the layer cannot be evaluated; save the whole state dict, buffers included';
  return [flag('missing-keys', 'error', path, null, message)];
}

/** What most of the norms with its name have, and one has not. */
function missingBeside(norms: readonly FoundNorm[], modules: ReadonlyMap<string, KeyModule>): Flag[] {
  const groups = new Map<string, FoundNorm[]>();
  for (const norm of norms) {
    const module = modules.get(norm.path);
    const group = module !== undefined && hasRunning(module) ? 'BatchNorm' : stemOf(norm.path);
    if (group === '' || norm.parts.has('magnitude') || norm.parts.has('original')) continue;
    const list = groups.get(group) ?? [];
    list.push(norm);
    groups.set(group, list);
  }
  return [...groups.values()].flatMap((group) =>
    (['weight', 'bias', 'num_batches_tracked'] as const).flatMap((role) => {
      const without = group.filter(({ parts }) => !parts.has(role));
      const others = group.length - without.length;
      if (without.length === 0 || others <= without.length) return [];
      return without.map(({ path }) => {
        const message = `'${path}' has no ${role}, which ${others} of the ${group.length} layers like it have: ` +
          'the state dict is cut, or this layer was made otherwise';
        return flag('missing-keys', 'warning', path, null, message);
      });
    }),
  );
}

/** A norm's width is the output of the layer before it and the input of the one after. */
function contradictions({ path, parts, follows, precedes }: FoundNorm, modules: ReadonlyMap<string, KeyModule>): Flag[] {
  const own = parts.get('weight') ?? parts.get('running_mean');
  const width = own === undefined ? null : sizeOf(own.shape);
  const check = (beside: string | null, axis: 0 | 1): Flag[] => {
    const other: Part | null = modules.get(beside ?? '')?.parts.get('weight') ?? null;
    if (own === undefined || other === null || other.shape.length < 2 || other.shape[axis] === width) return [];
    const side = axis === 0 ? 'gives' : 'takes';
    const message = `${own.key} has shape ${show(own.shape)}, and ${other.key} of shape ${show(other.shape)} beside it ${side} ` +
      `${other.shape[axis]} channels: one of the two is of another model`;
    return [flag('shape-mismatch', 'error', path, null, message)];
  };
  return [...check(follows, 0), ...check(precedes, 1)];
}

function flag(name: Flag['name'], level: Flag['level'], path: string, tensor: string | null, message: string): Flag {
  return { name, level, path, tensor, count: null, index: null, message };
}
