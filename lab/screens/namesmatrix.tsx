// How far six outputs are apart, as a table whose cells choose a pair. May import the page's own files.

import { useRef } from 'preact/hooks';
import { error } from '../parts/shownumber.js';
import { texts } from '../settings.js';
import type { Namesake } from '../worker/jobs/namesake.js';
import type { NamesAnswer } from '../worker/jobs/names.js';

interface MatrixProps {
  readonly answer: NamesAnswer;
  readonly a: Namesake;
  readonly b: Namesake;
  readonly choose: (a: Namesake, b: Namesake) => void;
}

export function Matrix({ answer, a, b, choose }: MatrixProps) {
  const t = texts.value.names;
  const table = useRef<HTMLTableElement>(null);
  const { layers, differences } = answer;
  const largest = Math.max(...differences.flat().map(({ difference }) => difference));
  const [row, column] = [a, b].map((key) => layers.findIndex((layer) => layer.key === key));
  const move = (event: KeyboardEvent) => {
    const [down = 0, right = 0] = steps[event.key] ?? [];
    if ((down === 0 && right === 0) || row === undefined || column === undefined) return;
    event.preventDefault();
    // A layer beside itself is no pair: the step goes over it.
    let [i, j] = [row + down, column + right];
    if (i === j) [i, j] = [i + down, j + right];
    const [first, second] = [layers[i], layers[j]];
    if (first === undefined || second === undefined) return;
    choose(first.key, second.key);
    table.current?.querySelector<HTMLElement>(`[data-pair='${first.key}-${second.key}']`)?.focus();
  };
  return (
    <div class="scroll" role="group" aria-label={t.apart}>
      <table ref={table} class="matrix" onKeyDown={move}>
        <caption class="caption">{t.matrixCaption}</caption>
        <thead>
          <tr>
            <td />
            {layers.map(({ key, name }) => <th key={key} scope="col"><LayerName name={name} note={t.notes[key]} /></th>)}
          </tr>
        </thead>
        <tbody>
          {layers.map((first, i) => (
            <tr key={first.key}>
              <th scope="row"><LayerName name={first.name} note={t.notes[first.key]} /></th>
              {layers.map((second, j) => {
                const found = differences[i]?.[j]?.difference ?? 0;
                const isChosen = i === row && j === column;
                if (i === j) return <td key={second.key} class="itself">·</td>;
                return (
                  <td key={second.key} style={{ background: shade(found, largest) }}>
                    <button
                      type="button" data-pair={`${first.key}-${second.key}`} aria-pressed={isChosen} tabIndex={isChosen ? 0 : -1}
                      aria-label={t.pair(first.name, second.name, error(found))} onClick={() => choose(first.key, second.key)}
                    >
                      {error(found)}
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const steps: Readonly<Record<string, readonly [down: number, right: number]>> = {
  ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
};

function LayerName({ name, note }: { readonly name: string; readonly note: string }) {
  const [type, ...rest] = name.split(/(?=\()/);
  return <><code>{type}<wbr />{rest}</code>{note !== '' && <small>{note}</small>}</>;
}

/** The further apart the darker; what differs by rounding alone has no shade. */
function shade(difference: number, largest: number): string {
  const share = largest === 0 || difference < 1e-4 ? 0 : 8 + Math.round((difference / largest) * 26);
  return `color-mix(in oklab, var(--panel), var(--accent) ${share}%)`;
}
