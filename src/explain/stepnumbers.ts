// Numbers as a step's worked formula writes them. Imports nothing.

/** Seven significant digits, more where a number is so large that its fraction would go; a real minus sign. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value < 0 ? '−∞' : '∞';
  const whole = value === 0 ? 0 : Math.ceil(Math.log10(Math.abs(value)));
  return String(Number(value.toPrecision(Math.min(17, Math.max(7, whole + 3))))).replaceAll('-', '−');
}

/** In parentheses where it is negative, as what stands behind an operator must. */
export function operand(value: number): string {
  const text = number(value);
  return text.startsWith('−') ? `(${text})` : text;
}

/** `1 + 2 + 3 + 4`; of many the first three and the last. */
export function sumOf(values: readonly number[]): string {
  const shown = values.length <= MOST_SHOWN ? values : [...values.slice(0, 3), ...values.slice(-1)];
  const terms = shown.map((value, i) => (i === 0 ? number(value) : operand(value)));
  if (shown.length < values.length) terms.splice(3, 0, '…');
  return terms.join(' + ') || '0';
}

/** `1, 2, 3, 4`; of many the first three and the last. */
export function listOf(values: readonly number[]): string {
  const shown = values.length <= MOST_SHOWN ? values.map(number) : [...values.slice(0, 3).map(number), '…', ...values.slice(-1).map(number)];
  return shown.join(', ');
}

const MOST_SHOWN = 8;
