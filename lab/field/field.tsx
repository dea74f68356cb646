// The field: a tensor drawn twice and linked, as blocks and as a strip in memory order; a set is lifted in both.
// May import the field's own files, settings and announcements.

import { useSignal, type Signal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { announce } from '../announce.js';
import { texts, theme } from '../settings.js';
import { DIM, drawBlocks, drawStrip, READABLE, RISE, type Cells } from './draw.js';
import { blockLayout, cornerOf, elementAt, indexOf, LEAN, stripCorner, stripElementAt, stripLayout, type Point } from './geometry.js';
import { Stills } from './stills.js';
import { useWidth } from './width.js';

export interface FieldProps {
  readonly shape: readonly number[];
  /** The set of each element, in memory order. */
  readonly sets: Int32Array;
  /** What stands in a cell. */
  readonly labels: (element: number) => string;
  readonly axisNames: readonly string[];
  /** The element that is focused or pointed at. */
  readonly selected: Signal<number | null>;
  /** The sentence about an element: what a screen reader says. */
  readonly sentence: string | null;
  /** What the grid is called. */
  readonly label: string;
}

export function Field({ shape, sets, labels, axisNames, selected, sentence, label }: FieldProps) {
  const host = useRef<HTMLDivElement>(null);
  const room = useWidth(host);
  const pointed = useSignal<number | null>(null);
  const block = useMemo(() => blockLayout(shape, Math.max(240, room)), [shape.join(), room]);
  const strip = useMemo(() => stripLayout(shape, Math.max(240, room)), [shape.join(), room]);
  const cells: Cells = { sets, labels, theme: theme.value };
  const active = pointed.value ?? selected.value;
  const lifted = active === null ? null : (sets[active] ?? null);
  const isGridFocused = useSignal(false);

  useEffect(() => {
    if (sentence !== null && isGridFocused.value) announce(sentence);
  }, [sentence]);

  const point = (element: number | null) => {
    pointed.value = element;
    if (element !== null) selected.value = element;
  };
  return (
    <div ref={host} class="field">
      <Grid
        shape={shape} sets={sets} selected={selected} label={label} labels={labels} axisNames={axisNames}
        corner={(element) => cornerOf(block, element)} cell={block.cell} onFocus={(is) => void (isGridFocused.value = is)}
      >
        {room > 0 && (
          <Layer
            name="blocks" lifted={lifted} cells={cells} layout={block}
            draw={(context, set) => drawBlocks(context, block, cells, set)}
            at={(p) => elementAt(block, p)} point={point}
          />
        )}
      </Grid>
      <Axes shape={shape} names={axisNames} />
      <p class="caption">{texts.value.field.memory}</p>
      {room > 0 && (
        <Layer
          name="strip" lifted={lifted} cells={cells} layout={strip}
          draw={(context, set) => drawStrip(context, strip, cells, set)}
          at={(p) => stripElementAt(strip, p)} point={point}
          ring={active === null ? null : { ...stripCorner(strip, active), cell: strip.cell }}
        />
      )}
    </div>
  );
}

interface LayerProps {
  readonly name: string;
  readonly lifted: number | null;
  readonly cells: Cells;
  readonly layout: { readonly width: number; readonly height: number; readonly cell: number };
  readonly draw: (context: CanvasRenderingContext2D, lifted: number | null) => void;
  readonly at: (point: Point) => number | null;
  readonly point: (element: number | null) => void;
  readonly ring?: (Point & { readonly cell: number }) | null;
}

/** A canvas. All cells are drawn once; where a set is lifted they are dim, and its own cells are drawn over them. */
function Layer({ name, layout, lifted, cells, draw, at, point, ring = null }: LayerProps) {
  const { width, height } = layout;
  const canvas = useRef<HTMLCanvasElement>(null);
  const stills = useMemo(() => new Stills(width, height, draw), [layout, cells.sets, cells.theme, layout.cell < READABLE ? null : cells.labels]);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    context.globalAlpha = lifted === null ? 1 : DIM;
    context.drawImage(stills.of(null), 0, 0);
    context.globalAlpha = 1;
    if (lifted !== null) context.drawImage(stills.of(lifted), 0, 0);
    if (ring !== null) {
      context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
      context.strokeStyle = cells.theme === 'dark' ? '#ffffff' : '#000000';
      context.lineWidth = 2;
      context.strokeRect(ring.x + 1, ring.y + ring.cell * 0.02 + 1, ring.cell - 2, ring.cell - 2);
    }
  }, [stills, lifted, ring?.x, ring?.y]);
  return (
    <canvas
      ref={canvas} class={`layer ${name}`} aria-hidden="true"
      width={Math.ceil(width * devicePixelRatio)} height={Math.ceil(height * devicePixelRatio)}
      style={{ width: `${width}px`, height: `${height}px` }}
      onPointerMove={(event) => point(at(locate(event)))}
      onPointerDown={(event) => point(at(locate(event)))}
      onPointerLeave={() => point(null)}
    />
  );
}

function locate({ offsetX, offsetY }: PointerEvent): Point {
  return { x: offsetX, y: offsetY };
}

interface GridProps {
  readonly shape: readonly number[];
  readonly sets: Int32Array;
  readonly selected: Signal<number | null>;
  readonly label: string;
  readonly labels: (element: number) => string;
  readonly axisNames: readonly string[];
  readonly corner: (element: number) => Point;
  readonly cell: number;
  readonly onFocus: (isFocused: boolean) => void;
  readonly children: preact.ComponentChildren;
}

/** The keyboard's and the screen reader's way: a grid whose one present cell is the selected element. */
function Grid({ shape, sets, selected, label, labels, axisNames, corner, cell, onFocus, children }: GridProps) {
  const columns = shape.at(-1) ?? 1;
  const size = sets.length;
  const element = Math.min(selected.value ?? 0, size - 1);
  const index = indexOf(element, shape);
  const t = texts.value.field;
  const place = corner(element);
  const move = (event: KeyboardEvent) => {
    const plane = columns * (shape.at(-2) ?? 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: plane, PageUp: -plane,
    };
    const step = steps[event.key];
    const next = event.key === 'Home' ? 0 : event.key === 'End' ? size - 1 : step === undefined ? null : element + step;
    if (next === null) return;
    event.preventDefault();
    if (next >= 0 && next < size) selected.value = next;
  };
  return (
    <div
      class="grid" role="grid" tabIndex={0} aria-label={`${label}. ${t.keys}`} aria-rowcount={size / columns} aria-colcount={columns}
      aria-activedescendant="active-cell" onKeyDown={move} onFocus={() => onFocus(true)} onBlur={() => onFocus(false)}
    >
      {children}
      <div role="row" aria-rowindex={Math.floor(element / columns) + 1}>
        <div
          id="active-cell" role="gridcell" aria-colindex={(element % columns) + 1} aria-selected={selected.value !== null}
          class={selected.value === null ? 'cell' : 'cell chosen'}
          style={{ left: `${place.x}px`, top: `${place.y - (selected.value === null ? 0 : cell * RISE)}px`, width: `${cell * 0.94}px`, height: `${cell * 0.94}px`, transform: `skewY(${Math.atan(LEAN)}rad)` }}
        >
          <span class="visually-hidden">
            {`x[${index.join(', ')}]${labels(element) && ` = ${labels(element)}`}, ${t.set} ${(sets[element] ?? 0) + 1}; ${axisNames.map((name, i) => `${name} ${index[i] ?? 0}`).join(', ')}`}
          </span>
        </div>
      </div>
    </div>
  );
}

function Axes({ shape, names }: { readonly shape: readonly number[]; readonly names: readonly string[] }) {
  const t = texts.value.field;
  const ways = [t.right, t.down, t.back, t.beside];
  return (
    <p class="axes">
      {shape.map((extent, axis) => (
        <span key={axis}><b>{names[axis] ?? `axis ${axis}`}</b> {extent} <i>{ways[Math.min(3, shape.length - 1 - axis)]}</i></span>
      ))}
    </p>
  );
}
