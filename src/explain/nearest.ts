// The name that a mistyped one may stand for. Imports nothing.

/** ` (did you mean LayerNorm?)`, or nothing where no name is near: up to a third of the letters may be wrong. */
export function didYouMean(given: string, names: readonly string[]): string {
  const asked = plain(given);
  const [best] = names
    .map((name) => ({ name, wrong: wrongLetters(asked, plain(name)) }))
    .toSorted((a, b) => a.wrong - b.wrong);
  return best === undefined || best.wrong > Math.max(1, asked.length / 3) ? '' : ` (did you mean ${best.name}?)`;
}

const plain = (name: string): string => name.toLowerCase().replaceAll('_', '').slice(0, 40);

/** Letters to insert, to leave out or to replace. */
function wrongLetters(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const above = row;
    row = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(above[j - 1]! + Number(letter !== b[j - 1]), above[j]! + 1, row[j - 1]! + 1);
    }
  }
  return row[b.length]!;
}
