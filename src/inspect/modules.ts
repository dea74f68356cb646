// The modules of a state dict, from its keys. May import types of io.

import type { TensorEntry } from '../io/contents.js';

/** A tensor of a file by its key. */
export interface Part {
  readonly key: string;
  readonly shape: readonly number[];
  readonly format: string;
}

/** A module as its keys show it. */
export interface KeyModule {
  readonly path: string;
  /** By the name that the module has for it: `weight`, `weight_g`; `weight.original0` of a parametrization. */
  readonly parts: Map<string, Part>;
}

/** Modules by path; numbered ones by number, else in the order of the file. */
export function modulesOf(entries: ReadonlyMap<string, TensorEntry>): ReadonlyMap<string, KeyModule> {
  const modules = new Map<string, KeyModule>();
  for (const [key, { shape, format }] of entries) {
    const [path, name] = splitKey(key);
    const module = modules.get(path) ?? { path, parts: new Map<string, Part>() };
    module.parts.set(name, { key, shape, format });
    modules.set(path, module);
  }
  return new Map(naturally([...modules.keys()]).flatMap((path) => {
    const module = modules.get(path);
    return module === undefined ? [] : [[path, module] as const];
  }));
}

/** The module's path and the tensor's name in it. */
export function splitKey(key: string): [path: string, name: string] {
  const parametrized = /^((?:.*\.)?)parametrizations\.(\w+)\.(original\d*|\d+\._[uv])$/.exec(key);
  if (parametrized !== null) {
    const [, host = '', name = '', rest = ''] = parametrized;
    return [host.slice(0, -1), `${name}.${rest}`];
  }
  const dot = key.lastIndexOf('.');
  return [key.slice(0, Math.max(dot, 0)), key.slice(dot + 1)];
}

/** The path of the module around this one, and its own name. */
export function splitPath(path: string): [parent: string, name: string] {
  const dot = path.lastIndexOf('.');
  return [path.slice(0, Math.max(dot, 0)), path.slice(dot + 1)];
}

/** `name` in a module: at the outermost, without a dot. */
export function childOf(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** Depth of modules that are told apart for the order: a key of dots alone would make as many prefixes. */
const MOST_DEPTH = 32;

/** Siblings that are numbers by number, as files sorted by name are not; others by first appearance. */
function naturally(paths: readonly string[]): string[] {
  const ranks = new Map<string, number>();
  const split = paths.map((path) => {
    const names = path.split('.', MOST_DEPTH);
    let prefix = '';
    const levels = names.map((name) => {
      prefix = `${prefix}.${name}`;
      const rank = ranks.get(prefix) ?? ranks.size;
      ranks.set(prefix, rank);
      return /^\d{1,9}$/.test(name) ? { rank, number: Number(name) } : { rank, number: null };
    });
    return { path, levels };
  });
  split.sort((a, b) => {
    const depth = a.levels.findIndex(({ rank }, i) => rank !== b.levels[i]?.rank);
    const [x, y] = [a.levels[depth], b.levels[depth]];
    if (x === undefined || y === undefined) return a.levels.length - b.levels.length;
    return x.number !== null && y.number !== null ? x.number - y.number : x.rank - y.rank;
  });
  return split.map(({ path }) => path);
}
