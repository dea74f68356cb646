// Text pictures: curves over epochs, and digits in five shades. May import 'evenkeel' (types).

import type { Tensor } from 'evenkeel';

const shades = [' ', '░', '▒', '▓', '█'] as const;

/** Points in a grid of characters, a column each (several share one where there are more), with both ends of the scale. */
export function curve(values: readonly number[], { height = 8, width = 60, format = (value: number) => value.toFixed(2) } = {}): string {
  const columns = Math.min(width, values.length);
  const points = Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * values.length) / columns);
    const to = Math.max(from + 1, Math.floor(((column + 1) * values.length) / columns));
    return mean(values.slice(from, to));
  });
  const [low, high] = [Math.min(...points), Math.max(...points)];
  const span = high - low || 1;
  const rows = points.map((value) => Math.round(((value - low) / span) * (height - 1)));
  const [top, bottom] = [format(high), format(low)];
  const margin = Math.max(top.length, bottom.length);
  return Array.from({ length: height }, (_, line) => {
    const level = height - 1 - line;
    const name = line === 0 ? top : level === 0 ? bottom : '';
    return `${name.padStart(margin)} │${rows.map((row) => (row === level ? '•' : ' ')).join('')}`.trimEnd();
  }).join('\n');
}

/** Images (N, 1, H, W) of pixels from 0 to 1 side by side, two characters a pixel, a caption under each. */
export function digitsInText(images: Tensor, captions: readonly string[]): string {
  const [, , height = 0, width = 0] = images.shape;
  const { data } = images;
  const lines = Array.from({ length: height }, (_, y) =>
    captions
      .map((_, i) => {
        const row = Array.from({ length: width }, (_, x) => Number(data[(i * height + y) * width + x]));
        return row.map((pixel) => shade(pixel).repeat(2)).join('');
      })
      .join('  '),
  );
  return [...lines, captions.map((caption) => caption.padEnd(2 * width)).join('  ')].map((line) => line.trimEnd()).join('\n');
}

function shade(pixel: number): string {
  return shades[Math.min(shades.length - 1, Math.floor(pixel * shades.length))] ?? ' ';
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
