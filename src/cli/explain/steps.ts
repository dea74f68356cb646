// The arithmetic of an element's set with the numbers of a file. May import evenkeel.

import { KeelError, stepsOf, type NormLayer, type SizedPattern, type Steps } from 'evenkeel';
import { oneTensor } from '../onetensor.js';
import { usageError } from '../parse.js';
import type { Terminal } from '../terminal.js';
import { widthOf, wrap } from '../text.js';

interface Options {
  readonly element: readonly number[] | null;
  readonly data: string | null;
  readonly entry: string | null;
}

/** The file is read whole. */
const MOST_ELEMENTS = 2 ** 24;

/**
 * The steps of --element's set; null without --data.
 *
 * @throws KeelError [argument] for one option without the other, [shape] where the file's tensor has another shape.
 */
export async function stepsIn(
  of: NormLayer | SizedPattern, shape: readonly number[], { element, data, entry }: Options, terminal: Terminal,
): Promise<Steps | null> {
  if (data === null) {
    if (entry === null) return null;
    throw usageError('--entry is a tensor of --data: give both', { option: '--entry' });
  }
  if (element === null) throw usageError('--data steps through the set of one element: give --element, such as 0,0,0', { option: '--data' });
  const { x } = await oneTensor(data, entry === null ? [] : [entry], terminal, { most: MOST_ELEMENTS, use: 'stepped through' });
  try {
    if (x.shape.join() === shape.join()) return stepsOf(of, x, element);
    throw new KeelError('shape', `'${data}' has shape ${x.shape.join('x')}, and SHAPE is ${shape.join('x')}`, { expected: shape, got: x.shape });
  } finally {
    x.dispose();
  }
}

/** A table as far as it fits: formulas, the same with numbers, values; else the first two under one another. */
export function stepLines({ forward, text }: Steps, columns: number): string[] {
  const [title = '', ...rows] = text.split('\n');
  if (rows.every((row) => widthOf(row) <= columns)) return [title, ...rows];
  const widest = Math.max(...forward.map(({ formula }) => widthOf(formula)));
  const pairs = forward.map(({ formula, worked }) => `  ${formula}${' '.repeat(widest - widthOf(formula))}  ${worked}`);
  if (pairs.every((row) => widthOf(row) <= columns)) return [...wrap(title, columns), ...pairs];
  const inset = (line: string, by: number): string[] => wrap(line, Math.max(20, columns - by)).map((part) => ' '.repeat(by) + part);
  return [...wrap(title, columns), ...forward.flatMap(({ formula, worked }) => [...inset(formula, 2), ...inset(worked, 4)])];
}
