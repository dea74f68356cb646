// What the mistakes make of y, as a table with a switch for each; and the ways that dL/dx is checked by.

import { error, shown } from '../parts/shownumber.js';
import { Cells } from '../parts/cells.js';
import { set } from '../route.js';
import { texts } from '../settings.js';
import type { MistakeName } from '../worker/jobs/stepnames.js';
import type { Checks, MistakeRow } from '../worker/jobs/steps.js';

export function Mistakes({ rows, chosen, element }: { readonly rows: readonly MistakeRow[] | null; readonly chosen: MistakeName; readonly element: string }) {
  const t = texts.value.steps;
  return (
    <section aria-label={t.mistakes}>
      <h2>{t.mistakes}</h2>
      {rows === null ? <p class="lead">{t.otherStatistics}</p> : (
        <>
          <p class="lead">{t.mistakesLead}</p>
          <div class="scroll" tabIndex={0} role="group" aria-label={t.mistakesTable}>
            <table class="mistakes">
              <thead>
                <tr>
                  <th scope="col">{t.way}</th>
                  <th scope="col" class="number">{t.variance}</th>
                  <th scope="col" class="number">{t.yOf(element)}</th>
                  <th scope="col" class="number">{t.largestError}</th>
                  <th scope="col"><span class="visually-hidden">{t.show}</span></th>
                </tr>
              </thead>
              <tbody>{rows.map((row) => <Row key={row.name} row={row} chosen={chosen} />)}</tbody>
            </table>
          </div>
        </>
      )}
    </section>
  );
}

function Row({ row, chosen }: { readonly row: MistakeRow; readonly chosen: MistakeName }) {
  const t = texts.value.steps;
  const { name } = row;
  const isMistake = name !== 'layer' && name !== 'byHand';
  return (
    <tr class={row.error > 0.1 || Number.isNaN(row.error) ? 'wrong' : ''}>
      <th scope="row">{t.mistake[name]}</th>
      <td class="number" data-testid={`variance-${name}`}>{row.variance === null ? '' : shown(row.variance, 7)}</td>
      <td class="number" data-testid={`y-${name}`}>{shown(row.y, 6)}</td>
      <td class="number" data-testid={`error-${name}`} title={Number.isNaN(row.error) ? t.notANumber : undefined}>{error(row.error)}</td>
      <td>
        {isMistake && (
          <button type="button" aria-pressed={name === chosen} aria-label={`${t.show}: ${t.mistake[name]}`} onClick={() => set({ mistake: name === chosen ? null : name })}>
            {t.show}
          </button>
        )}
      </td>
    </tr>
  );
}

export function GradientChecks({ checks, dx, at }: { readonly checks: Checks | null; readonly dx: readonly number[]; readonly at: number }) {
  const t = texts.value.steps;
  const ways = checks === null ? [] : [
    ['steps', t.bySteps, dx, null],
    ['differences', t.differences, checks.differences, checks.differencesError],
    ['autograd', t.autograd, checks.autograd, checks.autogradError],
  ] as const;
  return (
    <section aria-label={t.checks}>
      <h2>{t.checks}</h2>
      {checks === null ? <p class="lead">{t.tooMany}</p> : ways.map(([name, title, values, off]) => (
        <div key={name} class="check">
          <p>{title}{off !== null && <>: {t.largest} <b data-testid={`off-${name}`}>{error(off)}</b></>}</p>
          <div data-testid={`dx-${name}`}><Cells values={values} label={title} at={at} /></div>
        </div>
      ))}
    </section>
  );
}
