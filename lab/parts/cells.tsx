// Numbers as a row of cells: tinted by sign and size, the chosen one framed. Of many the first and the last are shown.

import { texts } from '../settings.js';
import { shown } from './shownumber.js';

interface CellsProps {
  readonly values: readonly number[];
  /** The chosen cell. */
  readonly at?: number | null;
  /** What stands above each, where it is asked for. */
  readonly captions?: ((place: number) => string) | null;
  /** Makes cells buttons. */
  readonly choose?: ((place: number) => void) | null;
  readonly label: string;
}

const MOST = 16;
const HEAD = 9;
const TAIL = 3;

export function Cells({ values, at = null, captions = null, choose = null, label }: CellsProps) {
  const largest = values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);
  return (
    <ol class="cells" aria-label={label}>
      {visible(values.length, at).map((place, i, places) => {
        const value = values[place] ?? NaN;
        const gap = place - (places[i - 1] ?? -1) - 1;
        const content = (
          <>
            {captions !== null && <span class="over">{captions(place)}</span>}
            <span>{shown(value)}</span>
          </>
        );
        return [
          gap > 0 && <li key={`gap${place}`} class="gap">{texts.value.steps.more(gap)}</li>,
          <li key={place} class={place === at ? 'number chosen' : 'number'} style={{ background: tint(value, largest) }}>
            {choose === null
              ? content
              : <button type="button" aria-pressed={place === at} onClick={() => choose(place)}>{content}</button>}
          </li>,
        ];
      })}
    </ol>
  );
}

function visible(count: number, at: number | null): number[] {
  const all = Array.from({ length: count }, (_, place) => place);
  return count <= MOST ? all : all.filter((place) => place < HEAD || place >= count - TAIL || place === at);
}

/** Above zero warm, below cold; the sign stands in the text too. */
export function tint(value: number, largest: number): string {
  if (!Number.isFinite(value)) return 'var(--bad-paper)';
  const share = largest === 0 ? 0 : Math.round((Math.abs(value) / largest) * 34);
  return `color-mix(in oklab, var(--panel), ${value < 0 ? 'var(--below)' : 'var(--above)'} ${share}%)`;
}
