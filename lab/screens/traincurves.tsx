// Lines of several runs over epochs, as SVG: told apart by colour, dashes and marks. May import the field's colours and width.

import { useRef } from 'preact/hooks';
import { colourOf } from '../field/colours.js';
import { useWidth } from '../field/width.js';
import { shown } from '../parts/shownumber.js';
import { ticksBetween } from '../parts/plot.js';
import { theme } from '../settings.js';

export interface Curve {
  readonly slot: number;
  /** Epochs, and what was found there. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Whether each point is a mark, or the line alone is drawn. */
  readonly hasMarks: boolean;
}

interface CurvesProps {
  readonly title: string;
  readonly curves: readonly Curve[];
  /** Epochs along the axis. */
  readonly last: number;
  /** The ends of the scale; what lies beyond is drawn at its end. */
  readonly low: number;
  readonly high: number;
  /** What stands in place of lines where there are none. */
  readonly empty: string;
}

const HEIGHT = 260;
const [LEFT, RIGHT, TOP, BOTTOM] = [44, 14, 12, 26];

export function Curves({ title, curves, last, low, high, empty }: CurvesProps) {
  const host = useRef<HTMLDivElement>(null);
  const width = Math.max(240, useWidth(host));
  const x = (epoch: number): number => LEFT + (epoch / last) * (width - LEFT - RIGHT);
  const y = (value: number): number => TOP + (1 - (Math.min(high, Math.max(low, value)) - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  return (
    <div ref={host} class="curves">
      <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} role="img">
        <title>{title}</title>
        {ticksBetween(low, high, 5).filter((tick) => tick <= high).map((tick) => (
          <g key={tick}>
            <line class="rule" x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} />
            <text x={LEFT - 7} y={y(tick) + 4} text-anchor="end">{shown(tick)}</text>
          </g>
        ))}
        {ticksBetween(0, last, Math.min(last, 10)).filter((epoch) => epoch <= last && Number.isInteger(epoch)).map((epoch) => (
          <text key={epoch} x={x(epoch)} y={HEIGHT - 8} text-anchor="middle">{epoch}</text>
        ))}
        {curves.every(({ points }) => points.length === 0) && <text x={width / 2} y={HEIGHT / 2} text-anchor="middle">{empty}</text>}
        {curves.map((curve) => <Line key={curve.slot} curve={curve} x={x} y={y} />)}
      </svg>
    </div>
  );
}

function Line({ curve: { slot, points, hasMarks }, x, y }: { readonly curve: Curve; readonly x: (epoch: number) => number; readonly y: (value: number) => number }) {
  const placed = points.filter(([, value]) => Number.isFinite(value)).map(([epoch, value]) => [x(epoch), y(value)] as const);
  const colour = colourFor(slot);
  return (
    <g>
      <polyline fill="none" stroke={colour} stroke-width={2.2} stroke-linejoin="round" stroke-dasharray={dashesOf(slot)} points={placed.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(' ')} />
      {hasMarks && placed.map(([px, py]) => <path key={px} d={markAt(slot, px, py)} fill={colour} />)}
    </g>
  );
}

/** How a run's lines look, beside its name. */
export function Sample({ slot }: { readonly slot: number }) {
  const colour = colourFor(slot);
  return (
    <svg width={42} height={14} aria-hidden="true">
      <polyline fill="none" stroke={colour} stroke-width={2.2} stroke-dasharray={dashesOf(slot)} points="1,7 41,7" />
      <path d={markAt(slot, 21, 7)} fill={colour} />
    </svg>
  );
}

/** Darker on light paper, where lines are thin. */
function colourFor(slot: number): string {
  return colourOf(slot, theme.value, theme.value === 'dark' ? 'face' : 'side');
}

const dashes = ['none', '8 4', '2 3', '10 3 2 3'] as const;

function dashesOf(slot: number): string {
  return dashes[slot % dashes.length] ?? 'none';
}

/** A circle, a square, a triangle, a diamond. */
function markAt(slot: number, x: number, y: number): string {
  const at = `M${x.toFixed(1)} ${y.toFixed(1)}`;
  return (
    [`${at}m-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0z`, `${at}m-3.3 -3.3h6.6v6.6h-6.6z`, `${at}m0 -4.4l4.2 7.4h-8.4z`, `${at}m0 -4.6l4.6 4.6l-4.6 4.6l-4.6 -4.6z`][slot % 4] ?? ''
  );
}
