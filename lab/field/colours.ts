// The colour and the hatching of a set: neighbours differ in hue, in lightness and in pattern. Imports nothing.

import type { Theme } from '../settings.js';

/** Sets whose colours all differ; after them they come again. */
const COLOURS = 12;

const hues = [250, 40, 145, 330, 95, 200, 15, 285, 120, 60, 225, 350];

const made = new Map<string, string>();

/** A set's colour: lightness goes up and down from set to set, so that it differs without hue too. */
export function colourOf(set: number, theme: Theme, part: 'face' | 'side' | 'text' = 'face'): string {
  const i = set % COLOURS;
  const key = `${i}${theme}${part}`;
  const colour = made.get(key) ?? colourFor(i, theme, part);
  made.set(key, colour);
  return colour;
}

function colourFor(i: number, theme: Theme, part: 'face' | 'side' | 'text'): string {
  const steps = [0, 0.13, 0.05, 0.18];
  const lightness = (theme === 'dark' ? 0.52 : 0.64) + (steps[i % steps.length] ?? 0);
  if (part === 'text') return lightness > 0.6 ? '#10161d' : '#ffffff';
  const shade = part === 'side' ? -0.14 : 0;
  return `oklch(${(lightness + shade).toFixed(3)} ${theme === 'dark' ? 0.11 : 0.13} ${hues[i] ?? 0})`;
}

/** What is drawn over a set's cells, beside colour: nothing, lines, dots ... */
export const hatchings = ['none', 'rising', 'dots', 'falling', 'level', 'cross'] as const;

export type Hatching = (typeof hatchings)[number];

export function hatchingOf(set: number): Hatching {
  return hatchings[set % hatchings.length] ?? 'none';
}

/** The path of a hatching within a cell, as SVG writes it, its middle free for a number: canvas and picture draw the same. */
export function hatchPath(hatching: Hatching, cell: number): string {
  const at = (share: number) => (share * cell).toFixed(2);
  switch (hatching) {
    case 'none':
      return '';
    case 'rising':
      return `M${at(0.06)} ${at(0.94)}L${at(0.3)} ${at(0.7)}M${at(0.7)} ${at(0.3)}L${at(0.94)} ${at(0.06)}`;
    case 'falling':
      return `M${at(0.06)} ${at(0.06)}L${at(0.3)} ${at(0.3)}M${at(0.7)} ${at(0.7)}L${at(0.94)} ${at(0.94)}`;
    case 'level':
      return `M${at(0.1)} ${at(0.85)}H${at(0.9)}`;
    case 'cross':
      return `M${at(0.08)} ${at(0.08)}L${at(0.28)} ${at(0.28)}M${at(0.28)} ${at(0.08)}L${at(0.08)} ${at(0.28)}`;
    case 'dots':
      return `M${at(0.16)} ${at(0.16)}h0.01M${at(0.84)} ${at(0.16)}h0.01M${at(0.16)} ${at(0.84)}h0.01M${at(0.84)} ${at(0.84)}h0.01`;
    default:
      return hatching satisfies never;
  }
}
