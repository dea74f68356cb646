// Explanations as lines for a terminal. May import evenkeel.

import type { ErrorExplanation, Explanation, SetDrawing } from 'evenkeel';
import type { Style, Terminal } from '../terminal.js';
import { wrap } from '../text.js';

/** The rows of an explanation, each as wide as the terminal; code stays on its line, to be copied. */
export function explanationLines({ text }: Pick<Explanation, 'text'>, columns: number): string[] {
  let label = '';
  return text.split('\n').flatMap((line, i) => {
    if (i === 0) return wrap(line, columns);
    const row = /^ {2}(?<label>.{10}) {2}(?<value>.*)$/.exec(line)?.groups;
    // The sentence is the second line, and has no label.
    if (i === 1 || row === undefined) return wrap(line.trim(), columns - 2).map((part) => `  ${part}`);
    const { label: own = '', value = '' } = row;
    label = own.trim() === '' ? label : own.trim();
    if (label === 'PyTorch') return [line];
    return wrap(value, Math.max(20, columns - 14)).map((part, j) => (j === 0 ? `  ${own}  ${part}` : `${' '.repeat(14)}${part}`));
  });
}

const colours: readonly Style[] = ['cyan', 'yellow', 'magenta', 'green', 'blue', 'red'];

/** A drawing with each set in its colour; after six sets colours come again, letters do not. */
export function paintedLines({ lines }: SetDrawing, { paint }: Pick<Terminal, 'paint'>): string[] {
  return lines.map((line) =>
    line.map(({ text, set }) => (set === null ? text : paint(colours[set % colours.length] ?? 'cyan', text))).join('').trimEnd(),
  );
}

/** The message, what it means, and the ways out. */
export function errorLines({ message, meaning, fixes, explanation }: ErrorExplanation, { columns, paint }: Pick<Terminal, 'columns' | 'paint'>): string[] {
  const inset = (text: string, by: number): string[] => wrap(text, Math.max(20, columns - by)).map((line) => ' '.repeat(by) + line);
  return [
    ...wrap(message, columns).map((line) => paint('red', line)),
    ...meaning.flatMap((sentence) => inset(sentence, 2)),
    ...(explanation === null ? [] : inset(`${explanation.name}: ${explanation.sentence}`, 2)),
    ...fixes.flatMap(({ text, pytorch, evenkeel, explanation: fixed }) => [
      '',
      ...inset(text, 2).map((line, i) => (i === 0 ? `- ${line.slice(2)}` : line)),
      ...(fixed === null ? [] : inset(fixed.sentence, 4).map((line) => paint('dim', line))),
      ...(pytorch === null ? [] : [`    PyTorch   ${paint('cyan', pytorch)}`]),
      ...(evenkeel === null ? [] : [`    evenkeel  ${paint('cyan', evenkeel)}`]),
    ]),
  ];
}
