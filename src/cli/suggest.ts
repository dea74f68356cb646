// "Did you mean": the nearest of some names. Imports nothing.

/** The names that a mistyped one may stand for: the nearest, at most a third of its letters off, and those that it begins. */
export function nearest(given: string, names: readonly string[]): string[] {
  const asked = plain(given);
  const found = names.map((name) => ({ name, edits: edits(asked, plain(name)) }));
  const least = Math.min(...found.map((each) => each.edits));
  const isNear = least <= Math.max(1, Math.floor(asked.length / 3));
  const near = found.filter((each) => (isNear && each.edits === least) || begins(each.name, asked));
  return near.sort((a, b) => a.edits - b.edits).slice(0, 3).map(({ name }) => name);
}

/** ` (did you mean a or b?)`, or nothing. */
export function didYouMean(given: string, names: readonly string[]): string {
  const found = nearest(given, names);
  return found.length === 0 ? '' : ` (did you mean ${found.join(' or ')}?)`;
}

function begins(name: string, asked: string): boolean {
  return asked.length > 1 && plain(name).startsWith(asked);
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_\s]/g, '').slice(0, 64);
}

/** Letters to insert, drop, replace or swap with their neighbour. */
function edits(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1]! + Number(a[i - 1] !== b[j - 1]);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(replaced, above[j]! + 1, row[j - 1]! + 1, isSwap ? before[j - 2]! + 1 : Infinity);
    }
    before = above;
  }
  return row[b.length]!;
}
