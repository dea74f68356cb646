// Templates of state-dict keys: reading a key by one, writing it by another, and the order of a state dict. May import
// layouttables.

import type { LayoutName, LayoutRow, LayoutTable } from './layouttables.js';

/** A key as a row of the table and the numbers and name that fill its templates. */
export interface Placed {
  readonly row: LayoutRow;
  readonly numbers: Readonly<Record<string, number>>;
  /** What `*` stands for: `weight`. */
  readonly rest: string;
}

/** The row whose template in a layout a key fits, or null. */
export function place(table: LayoutTable, layout: LayoutName, key: string): Placed | null {
  for (const { row, readers } of compiled(table, layout)) {
    for (const read of readers) {
      const placed = read(key);
      if (placed !== null) return { row, ...placed };
    }
  }
  return null;
}

/** The key's name in a layout, or null where that has none. */
export function nameOf(layout: LayoutName, { row, numbers, rest }: Placed): string | null {
  const [template] = templatesOf(row, layout);
  if (template === undefined) return null;
  return template.replace(/\{(\d*)([a-z])(?:\+(\d+))?\}|\*/g, (hole, factor?: string, letter?: string, offset?: string) =>
    hole === '*' ? rest : String(Number(factor || 1) * (numbers[letter ?? ''] ?? 0) + Number(offset ?? 0)),
  );
}

/** The shape that a tensor of this key has in a layout; its own, where the layouts agree or it is none that they know. */
export function shapeIn(
  layout: LayoutName,
  { row, rest }: Placed,
  shape: readonly number[],
): readonly number[] {
  if (row.form === 'matrix') {
    const isPointwise = rest === 'weight' && shape.length === 4 && shape[2] === 1 && shape[3] === 1;
    return isPointwise ? shape.slice(0, 2) : shape;
  }
  const long = shape.filter((extent) => extent !== 1);
  if (row.form !== 'vector' || long.length > 1) return shape;
  return (row.shapes?.[layout] ?? [-1]).map((extent) => (extent === -1 ? (long[0] ?? 1) : extent));
}

/**
 * Entries under keys of a layout in the order of a state dict: at every module own parameters before children, children by
 * number or as the table has them.
 */
export function inOrder<T>(
  table: LayoutTable,
  layout: LayoutName,
  entries: readonly (readonly [string, T])[],
): (readonly [string, T])[] {
  const rows = table.rows.flatMap((row, rank) => {
    const [template] = templatesOf(row, layout);
    return template === undefined ? [] : [{ row, rank, template }];
  });
  const parts = entries.map((entry, at) => {
    const [key] = entry;
    const { row, rest = '' } = place(table, layout, key) ?? {};
    const { rank = rows.length, template = key } = rows.find((each) => each.row === row) ?? {};
    return { entry, at, rest, rank, path: key.split('.'), holes: template.split('.') };
  });
  type Part = (typeof parts)[number];
  /** The first row below the same module as this one. */
  const first = ({ holes, rank }: Part, depth: number) => {
    const head = holes.slice(0, depth + 1).join('.');
    return rows.find(({ template }) => `${template}.`.startsWith(`${head}.`))?.rank ?? rank;
  };
  const compare = (a: Part, b: Part): number => {
    const depth = a.path.findIndex((name, i) => name !== b.path[i]);
    const [x = '', y = ''] = [a.path[depth], b.path[depth]];
    const isLeaf = ({ path }: Part) => Number(path.length - 1 === depth);
    const [m, n] = [x, y].map((name) => /^(\D*)(\d+)$/.exec(name));
    return (
      isLeaf(b) - isLeaf(a) ||
      (m && n && m[1] === n[1] ? Number(m[2]) - Number(n[2]) : 0) ||
      first(a, depth) - first(b, depth) ||
      leafRank(a.rest) - leafRank(b.rest) ||
      a.at - b.at
    );
  };
  return parts.sort(compare).map(({ entry }) => entry);
}

const leaves = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'];

function leafRank(name: string): number {
  const rank = leaves.indexOf(name);
  return rank === -1 ? leaves.length : rank;
}

type Reader = (key: string) => Omit<Placed, 'row'> | null;

interface Compiled {
  readonly row: LayoutRow;
  readonly readers: readonly Reader[];
}

const cache = new WeakMap<LayoutTable, Map<LayoutName, readonly Compiled[]>>();

function compiled(table: LayoutTable, layout: LayoutName): readonly Compiled[] {
  const byLayout = cache.get(table) ?? new Map<LayoutName, readonly Compiled[]>();
  cache.set(table, byLayout);
  const rows = byLayout.get(layout) ?? table.rows.map((row) => ({ row, readers: templatesOf(row, layout).map(readerOf) }));
  byLayout.set(layout, rows);
  return rows;
}

function templatesOf({ names }: LayoutRow, layout: LayoutName): readonly string[] {
  return [names[layout] ?? []].flat();
}

function readerOf(template: string): Reader {
  const holes: { readonly factor: number; readonly letter: string; readonly offset: number }[] = [];
  const source = template.replaceAll('.', '\\.').replace(
    /\{(\d*)([a-z])(?:\+(\d+))?\}|\*/g,
    (hole, factor?: string, letter?: string, offset?: string) => {
      if (hole === '*') return '(?<rest>[a-z]\\w*)';
      holes.push({ factor: Number(factor || 1), letter: letter ?? '', offset: Number(offset ?? 0) });
      return '(\\d+)';
    },
  );
  const pattern = new RegExp(`^${source}$`);
  return (key) => {
    const match = pattern.exec(key);
    if (match === null) return null;
    const numbers: Record<string, number> = {};
    for (const [i, { factor, letter, offset }] of holes.entries()) {
      const number = (Number(match[i + 1]) - offset) / factor;
      // {d} is a stage that something stands before.
      if (!Number.isInteger(number) || number < (letter === 'd' ? 1 : 0)) return null;
      numbers[letter] = number;
    }
    return { numbers, rest: match.groups?.rest ?? '' };
  };
}
