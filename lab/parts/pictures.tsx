// Values as pictures, one pixel for an element: colour where there are three channels, else grey. Imports preact only.

import { useEffect, useRef } from 'preact/hooks';
import './pictures.css';

interface PicturesProps {
  /** N × C × H × W. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** What is drawn black, and what white. */
  readonly range: readonly [low: number, high: number];
  /** The elements of this set stay, all others fade; null: all stay. */
  readonly lifted: { readonly sets: Int32Array; readonly set: number } | null;
  /** The element that is ringed. */
  readonly marked: number | null;
  /** What the picture shows, in words. */
  readonly label: string;
  /** The first channel's element under the pointer; null when it leaves. */
  readonly point?: (element: number | null) => void;
  readonly choose?: (element: number) => void;
}

export function Pictures(props: PicturesProps) {
  const { shape, marked, label, point, choose } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const tiles = tilesOf(shape);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (context) paint(context, tiles, props);
  });
  const locate = ({ offsetX, offsetY, currentTarget }: PointerEvent): number | null => {
    if (!(currentTarget instanceof HTMLCanvasElement)) return null;
    const scale = tiles.width / currentTarget.clientWidth;
    return elementAt(tiles, Math.floor(offsetX * scale), Math.floor(offsetY * scale));
  };
  return (
    <div class="pictures" style={{ maxWidth: `${Math.round((tiles.width * HIGHEST) / tiles.height)}px` }}>
      <canvas
        ref={canvas} role="img" aria-label={label} width={tiles.width} height={tiles.height}
        class={choose === undefined ? '' : 'pointed'}
        onPointerMove={(event) => point?.(locate(event))}
        onPointerLeave={() => point?.(null)}
        onPointerDown={(event) => {
          const element = locate(event);
          if (element !== null) choose?.(element);
        }}
      />
      {marked !== null && <span class="mark" aria-hidden="true" style={placeOf(tiles, marked)} />}
    </div>
  );
}

/** In pixels of the page: what is taller is drawn smaller. */
const HIGHEST = 340;

/** Samples stand side by side; channels, where they are not the three of a colour, one under another. */
interface Tiles {
  readonly samples: number;
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
  readonly isColour: boolean;
  readonly gap: number;
  readonly width: number;
  readonly height: number;
}

function tilesOf([samples = 1, channels = 1, rows = 1, columns = 1]: readonly number[]): Tiles {
  const isColour = channels === 3;
  const gap = Math.max(1, Math.round(columns / 14));
  const down = isColour ? 1 : channels;
  return {
    samples, channels, rows, columns, isColour, gap,
    width: samples * (columns + gap) - gap,
    height: down * (rows + gap) - gap,
  };
}

function elementAt({ samples, channels, rows, columns, isColour, gap }: Tiles, x: number, y: number): number | null {
  const [sample, column] = [Math.floor(x / (columns + gap)), x % (columns + gap)];
  const [channel, row] = [Math.floor(y / (rows + gap)), y % (rows + gap)];
  const isInside = x >= 0 && y >= 0 && sample < samples && column < columns && channel < (isColour ? 1 : channels) && row < rows;
  return isInside ? ((sample * channels + channel) * rows + row) * columns + column : null;
}

/** Where an element is, in shares of the picture. */
function placeOf({ channels, rows, columns, isColour, gap, width, height }: Tiles, element: number) {
  const [column, row] = [element % columns, Math.floor(element / columns) % rows];
  const plane = Math.floor(element / (rows * columns));
  const x = Math.floor(plane / channels) * (columns + gap) + column;
  const y = (isColour ? 0 : (plane % channels) * (rows + gap)) + row;
  return { left: share(x, width), top: share(y, height), width: share(1, width), height: share(1, height) };
}

function share(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(3)}%`;
}

/** How much of an element that faded is left, of 255. */
const FADED = 38;

function paint(context: CanvasRenderingContext2D, tiles: Tiles, { values, range: [low, high], lifted }: PicturesProps): void {
  const { samples, channels, rows, columns, isColour, gap, width, height } = tiles;
  const image = context.createImageData(width, height);
  const plane = rows * columns;
  const level = (element: number) => ((values[element] ?? 0) - low) * (255 / (high - low));
  const isIn = (element: number) => lifted === null || lifted.sets[element] === lifted.set;
  const down = isColour ? 1 : channels;
  for (let sample = 0; sample < samples; sample++) {
    for (let channel = 0; channel < down; channel++) {
      for (let i = 0; i < plane; i++) {
        const first = (sample * channels + channel) * plane + i;
        const at = 4 * ((channel * (rows + gap) + Math.floor(i / columns)) * width + sample * (columns + gap) + (i % columns));
        const own = isColour ? [first, first + plane, first + 2 * plane] : [first, first, first];
        const isAny = own.some(isIn);
        // Of a colour the channels that share stay: one channel alone is red, green or blue.
        for (let c = 0; c < 3; c++) image.data[at + c] = !isAny || isIn(own[c] ?? 0) ? level(own[c] ?? 0) : 0;
        image.data[at + 3] = isAny ? 255 : FADED;
      }
    }
  }
  context.putImageData(image, 0, 0);
}
