// Lines over counted steps, as SVG: told apart by colour, dash and marks, with a legend. May import the field's width.

import { useRef } from 'preact/hooks';
import { useWidth } from '../field/width.js';
import { shown } from './shownumber.js';
import './plot.css';

/** How a line is drawn: the truth, single values, and two kinds of curves. */
export type Stroke = 'truth' | 'points' | 'first' | 'second';

export interface PlotLine {
  readonly name: string;
  readonly stroke: Stroke;
  /** The first value stands at `from`. */
  readonly values: readonly number[];
  readonly from: number;
}

interface PlotProps {
  /** What a screen reader is told; the numbers stand beside the plot in words or a table. */
  readonly title: string;
  readonly lines: readonly PlotLine[];
  readonly last: number;
  /** A step that is marked, and what it is called. */
  readonly mark?: { readonly at: number; readonly name: string } | null;
  /** Whether equal ratios are equally far apart. */
  readonly isLog?: boolean;
}

const HEIGHT = 230;
const [LEFT, RIGHT, TOP, BOTTOM] = [46, 12, 10, 26];

export function Plot({ title, lines, last, mark = null, isLog = false }: PlotProps) {
  const host = useRef<HTMLDivElement>(null);
  const width = Math.max(240, useWidth(host));
  const scaled = isLog ? Math.log10 : (value: number): number => value;
  const all = lines.flatMap(({ values }) => values.map(scaled)).filter(Number.isFinite);
  const ticks = isLog ? powersBetween(Math.min(...all), Math.max(...all), 6) : ticksBetween(Math.min(...all), Math.max(...all), 5);
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  const x = (step: number): number => LEFT + (step / Math.max(1, last)) * (width - LEFT - RIGHT);
  const y = (value: number): number => TOP + (1 - (value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);
  return (
    <div ref={host} class="plot">
      <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} role="img">
        <title>{title}</title>
        {ticks.map((tick) => (
          <g key={tick}>
            <line class="rule" x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} />
            <text x={LEFT - 7} y={y(tick) + 4} text-anchor="end">{isLog ? shownPower(tick) : shown(tick)}</text>
          </g>
        ))}
        {ticksBetween(0, last, width < 420 ? 4 : 8).filter((step) => step <= last).map((step) => (
          <text key={step} x={x(step)} y={HEIGHT - 8} text-anchor="middle">{step}</text>
        ))}
        {mark !== null && (
          <g>
            <line class="mark" x1={x(mark.at)} x2={x(mark.at)} y1={TOP} y2={HEIGHT - BOTTOM} />
            <text x={x(mark.at) + (x(mark.at) > width * 0.7 ? -5 : 5)} y={TOP + 10} text-anchor={x(mark.at) > width * 0.7 ? 'end' : 'start'}>{mark.name}</text>
          </g>
        )}
        {lines.map((line) => <Line key={line.name} line={line} x={x} y={(value) => y(scaled(value))} />)}
      </svg>
    </div>
  );
}

function Line({ line: { stroke, values, from }, x, y }: { readonly line: PlotLine; readonly x: (step: number) => number; readonly y: (value: number) => number }) {
  const points = values.map((value, i) => [x(from + i), y(value)] as const).filter(([, place]) => Number.isFinite(place));
  if (stroke === 'points') return <g class="line points">{points.map(([px, py], i) => <circle key={i} cx={px} cy={py} r={2} />)}</g>;
  return <polyline class={`line ${stroke}`} points={points.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(' ')} />;
}

/** What the lines are. */
export function Legend({ lines, label }: { readonly lines: readonly Pick<PlotLine, 'name' | 'stroke'>[]; readonly label: string }) {
  return (
    <ul class="legend" aria-label={label}>
      {lines.map(({ name, stroke }) => (
        <li key={name}>
          <svg width={34} height={12} aria-hidden="true">
            {stroke === 'points'
              ? <g class="line points">{[6, 17, 28].map((cx) => <circle key={cx} cx={cx} cy={6} r={2} />)}</g>
              : <polyline class={`line ${stroke}`} points="2,6 32,6" />}
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}

/** Round numbers from at most `low` to at least `high`. */
export function ticksBetween(low: number, high: number, about: number): number[] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / about));
  const step = [1, 2, 5, 10].map((n) => n * power).find((size) => span / size <= about) ?? power * 10;
  const first = Math.floor(low / step);
  const count = Math.ceil(high / step) - first;
  return Array.from({ length: Math.max(1, count) + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Whole powers of ten from at most 10^`low` to at least 10^`high`. */
function powersBetween(low: number, high: number, most: number): number[] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const first = Math.floor(low);
  const span = Math.max(1, Math.ceil(high) - first);
  const step = Math.ceil(span / most);
  return Array.from({ length: Math.ceil(span / step) + 1 }, (_, i) => first + i * step);
}

function shownPower(power: number): string {
  return Math.abs(power) < 4 ? shown(10 ** power) : `1e${shown(power)}`;
}
