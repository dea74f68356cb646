// Values as a command line writes them: numbers, shapes, indices, sizes of factors. May import evenkeel.

import { KeelError } from 'evenkeel';

/** A number from 0: `1e-5`. */
export function numberOf(label: string, text: string): number {
  const number = text.trim() === '' ? NaN : Number(text);
  if (Number.isFinite(number) && number >= 0) return number;
  throw new KeelError('argument', `${label} takes a number from 0, got '${text}'`, { option: label, text });
}

/** A whole number from 0. */
export function wholeOf(label: string, text: string): number {
  const number = /^\s*\d+\s*$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new KeelError('argument', `${label} takes a whole number, got '${text}'`, { option: label, text });
}

/** `2x3x4`; `2,3,4`, `[2, 3, 4]`, `(2, 3, 4)`, `2 × 3 × 4` and `torch.Size([2, 3, 4])` are the same. */
export function shapeOf(label: string, text: string): number[] {
  const inside = text.trim().replace(/^torch\.Size\((.*)\)$/, '$1').replace(/^\[(.*)\]$|^\((.*)\)$/, '$1$2').replace(/,\s*$/, '');
  const extents = inside.split(/\s*[xX×,]\s*/);
  const sizes = extents.map((extent) => (/^\s*\d+\s*$/.test(extent) ? Number(extent) : NaN));
  if (sizes.every(Number.isSafeInteger)) return sizes;
  throw new KeelError('argument', `${label} takes sizes such as 2x3x4, got '${text}'`, { option: label, text });
}

/** Whether a text is meant as a shape: digits and what stands between them. */
export function looksLikeShape(text: string): boolean {
  return /^\s*(torch\.Size)?[([]*\s*\d+(\s*[xX×,]\s*\d+)*\s*,?\s*[\])]*\s*$/.test(text);
}

/** `1,2,0`, also in brackets. */
export function indexOf(label: string, text: string): number[] {
  const places = text.trim().replace(/^\[(.*)\]$|^\((.*)\)$/, '$1$2').split(/\s*,\s*/);
  const numbers = places.map((place) => (/^\d+$/.test(place.trim()) ? Number(place) : NaN));
  if (numbers.every(Number.isSafeInteger)) return numbers;
  throw new KeelError('argument', `${label} takes an index such as 1,2,0, got '${text}'`, { option: label, text });
}

/** Sizes of a pattern's factors: `g=3`. */
export function sizesOf(words: readonly string[]): Record<string, number> {
  const entries = words.map((word): [string, number] => {
    const [, name, size] = /^([A-Za-z_]\w*)=(\d+)$/.exec(word) ?? [];
    if (name !== undefined && size !== undefined && Number.isSafeInteger(Number(size))) return [name, Number(size)];
    throw new KeelError('argument', `'${word}' is no size: write name=number, such as g=3`, { word });
  });
  const [twice] = entries.map(([name]) => name).filter((name, i, names) => names.indexOf(name) !== i);
  if (twice === undefined) return Object.fromEntries(entries);
  throw new KeelError('argument', `the size of '${twice}' is given twice`, { name: twice });
}
