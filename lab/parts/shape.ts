// Shapes and axis names as the page writes them. Imports nothing.

/** `2x3x4`, `2,3,4`, `[2, 3, 4]`; null for what is none. */
export function parseShape(text: string): number[] | null {
  const inside = text.trim().replace(/^torch\.Size/, '').replace(/^[[(]+|[\])]+$/g, '').replace(/,\s*$/, '');
  const extents = inside.split(/\s*[x×,]\s*/i).map((part) => (/^\d{1,9}$/.test(part.trim()) ? Number(part) : NaN));
  return extents.length > 0 && extents.length <= 6 && extents.every((n) => Number.isSafeInteger(n)) ? extents : null;
}

export const axisSystems = ['image', 'sequence', 'sequence-last', 'plain'] as const;

export type AxisSystem = (typeof axisSystems)[number];

/** N C H W; N C L; N L C; where none fits, what `plain` calls them. */
export function axisNames(system: AxisSystem, rank: number, plain: (axis: number) => string): string[] {
  const names = { image: ['N', 'C', 'H', 'W'], sequence: ['N', 'C', 'L'], 'sequence-last': ['N', 'L', 'C'], plain: [] }[system];
  return Array.from({ length: rank }, (_, axis) => (names.length === rank ? (names[axis] ?? '') : plain(axis)));
}

/** w11 to w64, w10,1: the rows of a tensor seen as a table, as the worked example names its elements. */
export function namedLabel(element: number, columns: number): string {
  const [row, column] = [Math.floor(element / columns) + 1, (element % columns) + 1];
  return `w${row}${row > 9 || column > 9 ? ',' : ''}${column}`;
}
