// Channels first and channels last as strips of memory: where one pixel's channels lie, and what permutes copy.
// May import the page's own files.

import { colourOf, hatchingOf, hatchPath } from '../field/colours.js';
import { texts, theme } from '../settings.js';
import type { LayoutName } from '../worker/jobs/layoutnames.js';

/** Small enough to draw each element: 3 channels of 2 × 3 pixels. */
export const PIXELS = 6;
const CHANNELS = ['R', 'G', 'B'];
const COUNT = PIXELS * CHANNELS.length;

interface StripsProps {
  readonly layout: LayoutName;
  readonly pixel: number;
  /** The pixel under the pointer; null when it leaves. */
  readonly point: (pixel: number | null) => void;
  readonly choose: (pixel: number) => void;
}

/** One strip; arcs join what shares a mean. */
export function InPlace(props: StripsProps) {
  const { layout, pixel } = props;
  const t = texts.value.channels;
  const places = placesOf(layout);
  const own = CHANNELS.map((_, channel) => places.indexOf(channel * PIXELS + pixel));
  const reach = (own[1] ?? 0) - (own[0] ?? 0);
  const rise = layout === 'first' ? 46 : 16;
  return (
    <Drawing label={t.inPlace} title={t.inPlaceTitle(pixel, reach)} height={rise + CELL + 6}>
      {own.slice(1).map((to, i) => {
        const [from, end] = [centre(own[i] ?? 0), centre(to)];
        return <path key={to} class="tie" d={`M${from} ${rise}C${from} ${rise - reach * 7.5} ${end} ${rise - reach * 7.5} ${end} ${rise}`} />;
      })}
      <Strip {...props} y={rise} />
    </Drawing>
  );
}

/** Three strips: as it lies, permuted, and back; lines are the copies. */
export function Permuted(props: StripsProps) {
  const { layout, pixel } = props;
  const t = texts.value.channels;
  const other = layout === 'first' ? 'last' : 'first';
  const step = CELL + 52;
  return (
    <Drawing label={t.thereAndBack} title={t.permutedTitle(COUNT)} height={2 * step + CELL + 6}>
      <Copies from={layout} to={other} y={CELL + 3} pixel={pixel} />
      <Copies from={other} to={layout} y={step + CELL + 3} pixel={pixel} />
      {([layout, other, layout] as const).map((name, i) => <Strip key={i} {...props} layout={name} y={i * step} />)}
    </Drawing>
  );
}

const CELL = 34;
const STEP = 36;

const centre = (place: number): number => place * STEP + CELL / 2;

/** The element (channel · PIXELS + pixel) at each place in memory. */
function placesOf(layout: LayoutName): number[] {
  return Array.from({ length: COUNT }, (_, place) => (layout === 'first' ? place : (place % 3) * PIXELS + Math.floor(place / 3)));
}

interface DrawingProps {
  readonly label: string;
  readonly title: string;
  readonly height: number;
  readonly children: preact.ComponentChildren;
}

function Drawing({ label, title, height, children }: DrawingProps) {
  return (
    <div class="scroll" role="group" tabIndex={0} aria-label={label}>
      <svg class="strips" viewBox={`-2 -2 ${COUNT * STEP + 2} ${height}`} role="img"><title>{title}</title>{children}</svg>
    </div>
  );
}

interface StripProps extends StripsProps {
  readonly y: number;
}

function Strip({ layout, y, pixel, point, choose }: StripProps) {
  return (
    <>
      {placesOf(layout).map((element, place) => {
        const own = element % PIXELS;
        const ink = colourOf(own, theme.value, 'text');
        return (
          <g
            key={place} transform={`translate(${place * STEP} ${y})`} class={own === pixel ? 'unit chosen' : 'unit'}
            onPointerEnter={() => point(own)} onPointerLeave={() => point(null)} onPointerDown={() => choose(own)}
          >
            <rect width={CELL} height={CELL} rx={4} style={{ fill: colourOf(own, theme.value) }} />
            <path d={hatchPath(hatchingOf(own), CELL)} style={{ stroke: ink }} />
            <text x={CELL / 2} y={CELL / 2 + 5} text-anchor="middle" style={{ fill: ink }}>{`${CHANNELS[Math.floor(element / PIXELS)] ?? ''}${own}`}</text>
          </g>
        );
      })}
    </>
  );
}

/** From each element's place to its place after the copy. */
function Copies({ from, to, y, pixel }: { readonly from: LayoutName; readonly to: LayoutName; readonly y: number; readonly pixel: number }) {
  const [before, after] = [placesOf(from), placesOf(to)];
  return (
    <>
      {before.map((element, place) => {
        const [x, end] = [centre(place), centre(after.indexOf(element))];
        return <path key={element} class={element % PIXELS === pixel ? 'copy chosen' : 'copy'} d={`M${x} ${y}C${x} ${y + 26} ${end} ${y + 20} ${end} ${y + 46}`} />;
      })}
    </>
  );
}
