// The blocks as an SVG picture, for posts and papers. May import the field's own files.

import { colourOf, hatchingOf, hatchPath } from './colours.js';
import { type Cells, facesOf } from './draw.js';
import { type BlockLayout, cornerOf, LEAN } from './geometry.js';

/** A picture that stands alone, with its title for screen readers. */
export function svgOf(layout: BlockLayout, { sets, labels, theme }: Cells, title: string): string {
  const { columns, rows, sheets, blocks, cell } = layout;
  const perSheet = columns * rows;
  const parts: string[] = [];
  for (let block = 0; block < blocks; block++) {
    for (let sheet = sheets - 1; sheet >= 0; sheet--) {
      for (let i = 0; i < perSheet; i++) {
        const element = (block * sheets + sheet) * perSheet + i;
        const set = sets[element] ?? 0;
        const corner = cornerOf(layout, element);
        facesOf(layout, corner).forEach((face, j) => {
          const points = face.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
          parts.push(`<polygon points="${points}" fill="${colourOf(set, theme, j === 0 ? 'face' : 'side')}"/>`);
        });
        const ink = colourOf(set, theme, 'text');
        const place = `transform="matrix(1 ${LEAN} 0 1 ${corner.x.toFixed(1)} ${corner.y.toFixed(1)})"`;
        const path = hatchPath(hatchingOf(set), cell * 0.94);
        if (path !== '') parts.push(`<path ${place} d="${path}" stroke="${ink}" stroke-opacity="0.6" stroke-width="${Math.max(1, cell / 16)}" stroke-linecap="round" fill="none"/>`);
        if (cell >= 22) {
          parts.push(`<text ${place} x="${cell * 0.47}" y="${cell * 0.5}" fill="${ink}" font-family="monospace" font-size="${Math.min(13, cell / 3)}" text-anchor="middle">${escaped(labels(element))}</text>`);
        }
      }
    }
  }
  const box = `0 0 ${Math.ceil(layout.width)} ${Math.ceil(layout.height)}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" role="img"><title>${escaped(title)}</title>${parts.join('')}</svg>\n`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
