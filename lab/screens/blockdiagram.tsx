// A block's data flow from top to bottom, as SVG: the stream at the left, branches beside it. May import the steps.

import type { Placement } from 'evenkeel/nn';
import { shown } from '../parts/shownumber.js';
import { programs, type BlockStep } from '../worker/jobs/blockprograms.js';

const columns = { stream: 58, branch: 178, 'second branch': 298 } as const;
const ROW = 60;
const TOP = 22;
const BOX = { width: 104, height: 42 } as const;
const RADIUS = 14;
/** Below a node, where a branch leaves. */
const FORK = 9;

interface DiagramProps {
  readonly placement: Placement;
  /** Of each step, by its name; null in a small picture, which has no texts. */
  readonly rms: ReadonlyMap<string, number> | null;
  /** What a screen reader is told; null where words beside it say all. */
  readonly title: string | null;
}

export function BlockDiagram({ placement, rms, title }: DiagramProps) {
  const steps = programs[placement];
  const places = new Map(steps.map((step) => [step.name, placeOf(step)]));
  const width = Math.max(...[...places.values()].map(({ x }) => x)) + BOX.width / 2 + 6;
  const last = steps.at(-1);
  const end = last === undefined ? TOP : placeOf(last).bottom + 26;
  return (
    <svg class="diagram" width={width} height={end + 4} viewBox={`0 0 ${width} ${end + 4}`} role={title === null ? undefined : 'img'} aria-hidden={title === null ? 'true' : undefined}>
      {title !== null && <title>{title}</title>}
      {steps.flatMap((step) => step.from.map((name) => {
        const from = places.get(name);
        return from === undefined ? null : <Edge key={`${name} ${step.name}`} from={from} to={placeOf(step)} />;
      }))}
      {last !== undefined && <Arrow points={[[columns.stream, placeOf(last).bottom], [columns.stream, end]]} isStream />}
      {steps.map((step) => <Node key={step.name} step={step} rms={rms} />)}
    </svg>
  );
}

const inherited = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'font-size', 'font-weight', 'font-family'] as const;

/** A drawn diagram as a picture that stands alone, in the colours that it has on the page. */
export function pictureOf(svg: SVGSVGElement | null): string {
  if (svg === null) return '';
  const copy = svg.cloneNode(true);
  if (!(copy instanceof SVGSVGElement)) return '';
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  const drawn = [...svg.querySelectorAll('*')];
  [...copy.querySelectorAll('*')].forEach((element, i) => {
    const source = drawn[i];
    if (source === undefined) return;
    const style = getComputedStyle(source);
    for (const name of inherited) element.setAttribute(name, style.getPropertyValue(name));
  });
  return `${copy.outerHTML}\n`;
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly top: number;
  readonly bottom: number;
}

function placeOf({ column, row, operation }: BlockStep): Place {
  const y = TOP + row * ROW;
  const half = operation === 'add' ? RADIUS : BOX.height / 2;
  return { x: columns[column], y, top: y - half, bottom: y + half };
}

/** Down a column, out to a branch, or back from one into a sum. */
function Edge({ from, to }: { readonly from: Place; readonly to: Place }) {
  if (from.x === to.x) return <Arrow points={[[from.x, from.bottom], [to.x, to.top]]} isStream={from.x === columns.stream} />;
  if (from.x > to.x) return <Arrow points={[[from.x, from.bottom], [from.x, to.y], [to.x + RADIUS, to.y]]} isStream={false} />;
  return <Arrow points={[[from.x, from.bottom + FORK], [to.x, from.bottom + FORK], [to.x, to.top]]} isStream={false} />;
}

type Point = readonly [x: number, y: number];

function Arrow({ points, isStream }: { readonly points: readonly Point[]; readonly isStream: boolean }) {
  const [[ax, ay], [bx, by]] = [points.at(-2) ?? [0, 0], points.at(-1) ?? [0, 0]];
  const head = ax === bx ? `M${bx - 5} ${by - 8}L${bx} ${by}L${bx + 5} ${by - 8}Z` : `M${bx + 8} ${by - 5}L${bx} ${by}L${bx + 8} ${by + 5}Z`;
  const path = `M${points.map(([x, y]) => `${x} ${y}`).join('L')}`;
  return (
    <g class={isStream ? 'edge stream' : 'edge'}>
      <path d={path} fill="none" />
      {Math.abs(ay - by) + Math.abs(ax - bx) > 6 && <path class="head" d={head} />}
    </g>
  );
}

function Node({ step, rms }: { readonly step: BlockStep; readonly rms: ReadonlyMap<string, number> | null }) {
  const { operation, name } = step;
  const { x, y } = placeOf(step);
  const size = rms?.get(name);
  if (operation === 'add') {
    return (
      <g class="node add">
        <circle cx={x} cy={y} r={RADIUS} />
        <path d={`M${x - 7} ${y}H${x + 7}M${x} ${y - 7}V${y + 7}`} />
        {size !== undefined && <text class="rms" x={x - RADIUS - 5} y={y + 4} text-anchor="end">{shown(size, 3)}</text>}
      </g>
    );
  }
  return (
    <g class={`node ${kindOf(step)}`}>
      <rect x={x - BOX.width / 2} y={y - BOX.height / 2} width={BOX.width} height={BOX.height} rx={operation === 'x' ? BOX.height / 2 : 6} />
      {rms !== null && <text x={x} y={size === undefined ? y + 5 : y - 2} text-anchor="middle">{operation === 'alpha' ? 'α ·' : operation}</text>}
      {size !== undefined && <text class="rms" x={x} y={y + 14} text-anchor="middle">{shown(size, 3)}</text>}
    </g>
  );
}

function kindOf({ operation }: BlockStep): 'input' | 'norm' | 'sublayer' | 'scale' {
  if (operation === 'x') return 'input';
  if (operation === 'alpha') return 'scale';
  return operation === 'attn' || operation === 'mlp' ? 'sublayer' : 'norm';
}
