// Which linear or convolution stands beside a norm in a state dict, as far as names and widths tell. May import nothing.

import { childOf, type KeyModule, splitPath } from './modules.js';

/** A layer beside a norm by its name, and on which side its widths put it. */
export interface Neighbour {
  readonly path: string;
  /** Axes of its weight. */
  readonly rank: number;
  /**
   * Before the norm, where its output has the norm's width and its input has not; after it, the other way round; null where
   * both have, and no other pair tells.
   */
  readonly side: 'before' | 'after' | null;
}

/** Neighbours of modules of one width, given as path → width. */
export function neighboursOf(
  widths: ReadonlyMap<string, number>,
  modules: ReadonlyMap<string, KeyModule>,
): ReadonlyMap<string, Neighbour> {
  const pairs = [...widths].flatMap(([path, width]) => pairOf(path, width, modules) ?? []);
  const told = new Map<string, Set<'before' | 'after'>>();
  for (const { form, neighbour } of pairs) {
    if (neighbour.side !== null) told.set(form, (told.get(form) ?? new Set()).add(neighbour.side));
  }
  return new Map(
    pairs.map(({ path, form, neighbour }) => {
      const sides = told.get(form);
      const [only = null] = sides?.size === 1 ? sides : [];
      return [path, { ...neighbour, side: neighbour.side ?? only }];
    }),
  );
}

interface Pair {
  readonly path: string;
  /** Names of both without their numbers: pairs of a form stand in one order all over a model. */
  readonly form: string;
  readonly neighbour: Neighbour;
}

const normNames = /^(batch_?norm|bn|norm|group_?norm|gn|layer_?norm|ln|instance_?norm|normalization)(_?\d*)$/i;
const layerNames = ['conv', 'convolution', 'fc', 'linear', 'lin', 'dense'];

function pairOf(path: string, width: number, modules: ReadonlyMap<string, KeyModule>): Pair | null {
  const [parent, name] = splitPath(path);
  const candidates: [name: string, form: string][] = [];
  const number = /^\d{1,9}$/.test(name) ? Number(name) : null;
  if (number !== null) candidates.push([String(number - 1), 'i-1'], [String(number + 1), 'i+1']);
  const [, stem = null, digits = ''] = normNames.exec(name) ?? [];
  if (stem !== null) for (const layer of layerNames) candidates.push([layer + digits, `${stem} ${layer}`]);
  // conv1_bn beside conv1.
  const [, host = null, suffix = ''] = /^(\w*?)_?(bn|norm|gn|ln)$/i.exec(name) ?? [];
  if (host !== null && host !== '') candidates.push([host, `_${suffix}`]);
  for (const [candidate, form] of candidates) {
    const other = childOf(parent, candidate);
    const shape = modules.get(other)?.parts.get('weight')?.shape ?? [];
    const [out, into] = shape;
    if (shape.length < 2 || (out !== width && into !== width)) continue;
    const isOwn = number !== null;
    const side = out !== width ? 'after' : into !== width ? 'before' : null;
    // In a sequence the place tells: a layer before takes part by its output, one after by its input.
    if (isOwn && (candidate === String(number - 1) ? side === 'after' : side === 'before')) continue;
    return { path, form, neighbour: { path: other, rank: shape.length, side: isOwn ? sideOf(form) : side } };
  }
  return null;
}

function sideOf(form: string): 'before' | 'after' {
  return form === 'i-1' ? 'before' : 'after';
}
