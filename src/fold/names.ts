// A state dict's names beside those of evenkeel's own class. May import tensor, nn's layouts and fold's entries.

import type { KeyLayout } from '../nn/blocks/layouts.js';
import { layoutTables } from '../nn/blocks/layouttables.js';
import { nameOf, place } from '../nn/blocks/templates.js';
import type { Tensor } from '../tensor.js';
import { moduleOf, normsIn } from './entries.js';
import type { Neighbours } from './neighbours.js';

/** A norm or layer scale of the file. */
export interface NamedNorm {
  readonly name: string;
  /** Its name in evenkeel's own class, and what stands beside it there; null where the layout does not know it. */
  readonly own: string | null;
  readonly row: Neighbours | null;
}

/** The names of one file. */
export class Names {
  readonly norms: readonly NamedNorm[];
  /** Of evenkeel's own keys, the file's. */
  readonly #sources = new Map<string, string>();
  /** Keys that the layout does not know, in order. */
  readonly #strangers: string[] = [];
  readonly #strangersByParent = new Map<string, Strangers>();
  /** Modules of which the file has keys that the layout knows, a dot behind them. */
  readonly #modules: ReadonlySet<string>;
  readonly #isPlaced: (key: string) => boolean;

  constructor(state: ReadonlyMap<string, Tensor>, { model, layout, prefix }: KeyLayout, rows: readonly Neighbours[]) {
    const table = layoutTables[model];
    const [ownLayout = layout] = table.layouts;
    this.#isPlaced = (key) => place(table, layout, key.slice(prefix.length)) !== null;
    const norms = new Map<string, NamedNorm>();
    const others = new Set(normsIn(state));
    for (const key of state.keys()) {
      const placed = place(table, layout, key.slice(prefix.length));
      const own = placed === null ? null : nameOf(ownLayout, placed);
      if (own === null) this.#strangers.push(key);
      else this.#sources.set(own, key);
      const named = [key, moduleOf(key)].flatMap((name): NamedNorm[] => {
        const ownName = own === null ? null : name === key ? own : moduleOf(own);
        const row = rows.find(({ norm, isScale = false }) => isScale === (name === key) && norm.test(ownName ?? '')) ?? null;
        return row === null && !others.has(name) ? [] : [{ name, own: ownName, row }];
      });
      for (const norm of named) norms.set(norm.name, norms.get(norm.name) ?? norm);
    }
    this.#strangers.sort();
    this.norms = [...norms.values()];
    this.#modules = new Set([...this.#sources.values()].flatMap(modulesAbove));
  }

  /** Whether the file has this key or module of evenkeel's own class. */
  has(own: string): boolean {
    return this.#sources.has(own) || [...this.#sources.keys()].some((key) => key.startsWith(`${own}.`));
  }

  /** What the file calls the module of evenkeel's own class that has a weight; null where there is none. */
  source(own: string): string | null {
    const weight = this.#sources.get(`${own}.weight`);
    return weight === undefined ? null : moduleOf(weight);
  }

  /** A key that the layout does not know, within a norm or its layer or as another child of the module that has both. */
  strangerBeside(norm: string, into: string): string | null {
    const [left, right] = [norm.split('.'), into.split('.')];
    const shared = left.findIndex((part, i) => part !== right[i]);
    const parent = left.slice(0, shared).map((part) => `${part}.`).join('');
    const { byChild, unknown } = this.#strangersBelow(parent);
    return byChild.get(left[shared] ?? '') ?? byChild.get(right[shared] ?? '') ?? unknown;
  }

  /** The first stranger below each child of a module, and the first below a child that the layout does not know. */
  #strangersBelow(parent: string): Strangers {
    const seen = this.#strangersByParent.get(parent);
    if (seen !== undefined) return seen;
    const byChild = new Map<string, string>();
    for (let i = this.#firstStranger(parent); this.#strangers[i]?.startsWith(parent) === true; i++) {
      const key = this.#strangers[i] ?? '';
      const [child = ''] = key.slice(parent.length).split('.', 1);
      if (!byChild.has(child)) byChild.set(child, key);
    }
    const [, unknown = null] = [...byChild].find(([child]) => !this.#isKnown(`${parent}${child}.`)) ?? [];
    const found = { byChild, unknown };
    this.#strangersByParent.set(parent, found);
    return found;
  }

  /** Where keys that begin so begin, among those in order. */
  #firstStranger(prefix: string): number {
    let [low, high] = [0, this.#strangers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#strangers[middle] ?? '') < prefix) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isKnown(module: string): boolean {
    return this.#modules.has(module) || this.#isPlaced(`${module}weight`);
  }
}

interface Strangers {
  readonly byChild: ReadonlyMap<string, string>;
  readonly unknown: string | null;
}

/** `a.`, `a.b.` of `a.b.weight`: not of keys that no layout has, which may be deep. */
function modulesAbove(key: string): string[] {
  const parts = key.split('.').slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).map((part) => `${part}.`).join(''));
}
