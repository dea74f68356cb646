// Numbers as the page writes them. Imports nothing.

/** A number in a cell or a table: so many significant digits, no zeros at the end, a real minus sign. */
export function shown(value: number, digits = 5): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value < 0 ? '−∞' : '∞';
  const size = Math.abs(value);
  // A large mean keeps its fraction: the digits before the point do not count.
  const wanted = Math.max(digits, size < 1 || size >= 1e15 ? digits : Math.ceil(Math.log10(size)) + 2);
  const text = size !== 0 && size < 1e-4 ? value.toExponential(Math.min(2, digits - 1)).replace(/\.?0+e/, 'e') : String(Number(value.toPrecision(Math.min(17, wanted))));
  return text.replace(/^-/, '−');
}

/** How large an error is: two digits. */
export function error(value: number): string {
  if (!Number.isFinite(value)) return shown(value);
  if (value === 0) return '0';
  return value >= 1e-3 && value < 1e5 ? String(Number(value.toPrecision(2))) : value.toExponential(1);
}
