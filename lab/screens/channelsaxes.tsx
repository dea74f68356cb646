// The axes of a shape in a row: those that are averaged are filled, and said so. May import the page's own files.

import { texts } from '../settings.js';

interface AxisRowProps {
  readonly shape: readonly number[];
  readonly names: readonly string[];
  readonly axes: readonly ('all' | 'parts' | 'none')[];
}

export function AxisRow({ shape, names, axes }: AxisRowProps) {
  const t = texts.value.channels;
  return (
    <ol class="axis-row" aria-label={t.axes}>
      {shape.map((extent, axis) => {
        const share = axes[axis] ?? 'none';
        return (
          <li key={axis} class={share}>
            <span class="axis-name">{names[axis] ?? ''}</span>
            <span class="axis-extent">{extent}</span>
            <span class="axis-share">{t.shares[share]}</span>
          </li>
        );
      })}
    </ol>
  );
}
