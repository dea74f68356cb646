// Screen 6's numbers: statistics of both norms, how far a word moves, and why. May import parts and settings.

import { useJob } from '../client.js';
import { Legend, Plot, type PlotLine } from '../parts/plot.js';
import { error, shown } from '../parts/shownumber.js';
import { texts } from '../settings.js';
import type { MeansAndVariances, Moved, PaddingAnswer } from '../worker/jobs/padding.js';
import type { Place } from './tokengrid.js';

interface BatchProps {
  readonly answer: PaddingAnswer;
  readonly channel: number;
  readonly isMasked: boolean;
}

export function BatchStatistics({ answer: { padded, words, share, width }, channel, isMasked }: BatchProps) {
  const t = texts.value.padding;
  return (
    <section aria-label={t.batchTitle}>
      <h2>{t.batchTitle}</h2>
      <p>{t.batchText(percent(share), percent(1 - share))} <b>{t.batchUses[`${isMasked}`]}</b></p>
      <div class="scroll" role="group" tabIndex={0} aria-label={t.batchTitle}>
        <table class="numbers">
          <thead>
            <tr>
              <td />
              <th scope="colgroup" colSpan={2} class={isMasked ? 'used' : ''}>{t.ofWords}</th>
              <th scope="colgroup" colSpan={2} class={isMasked ? '' : 'used'}>{t.ofAll}</th>
            </tr>
            <tr>
              <th scope="col">{t.channel}</th>
              {[0, 1].flatMap((i) => [
                <th key={`mean${i}`} scope="col" class="number">{t.mean}</th>,
                <th key={`variance${i}`} scope="col" class="number">{t.variance}</th>,
              ])}
            </tr>
          </thead>
          <tbody>
            {Array.from({ length: width }, (_, i) => (
              <tr key={i} class={i === channel ? 'chosen' : ''}>
                <th scope="row">{i}</th>
                <Statistics of={words} at={i} name="words" />
                <Statistics of={padded} at={i} name="padded" />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Statistics({ of: { means, variances }, at, name }: { readonly of: MeansAndVariances; readonly at: number; readonly name: string }) {
  return (
    <>
      <td class="number" data-testid={`${name}-mean-${at}`}>{shown(means[at] ?? NaN)}</td>
      <td class="number" data-testid={`${name}-variance-${at}`}>{shown(variances[at] ?? NaN)}</td>
    </>
  );
}

export function LayerStatistics({ answer, at }: { readonly answer: PaddingAnswer; readonly at: Place }) {
  const t = texts.value.padding;
  const { sentences, inBatch, alone, length } = answer;
  const words = sentences[at.sentence] ?? [];
  const first = at.sentence * length;
  const differ = (of: keyof MeansAndVariances): number =>
    words.reduce((most, _, i) => Math.max(most, Math.abs((inBatch[of][first + i] ?? NaN) - (alone[of][first + i] ?? NaN))), 0);
  const title = t.layerTitle(at.sentence + 1);
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <p data-testid="layer-differs">{t.layerText(error(differ('means')), error(differ('variances')))}</p>
      <div class="scroll" role="group" tabIndex={0} aria-label={title}>
        <table class="numbers">
          <thead>
            <tr>
              <td />
              <th scope="colgroup" colSpan={2}>{t.alone}</th>
              <th scope="colgroup" colSpan={2} class="used">{t.inBatch}</th>
            </tr>
            <tr>
              <th scope="col">{t.token}</th>
              {[0, 1].flatMap((i) => [
                <th key={`mean${i}`} scope="col" class="number">{t.mean}</th>,
                <th key={`variance${i}`} scope="col" class="number">{t.variance}</th>,
              ])}
            </tr>
          </thead>
          <tbody>
            {words.map((word, i) => (
              <tr key={i} class={i === at.position ? 'chosen' : ''}>
                <th scope="row">{word}</th>
                <Statistics of={alone} at={first + i} name="alone" />
                <Statistics of={inBatch} at={first + i} name="token" />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

export function Curve({ answer: { curve }, more }: { readonly answer: PaddingAnswer; readonly more: number }) {
  const t = texts.value.padding;
  const lines: PlotLine[] = [
    { name: t.lines.layer, stroke: 'first', values: curve.layer, from: 0 },
    { name: t.lines.masked, stroke: 'truth', values: curve.masked, from: 0 },
    { name: t.lines.batch, stroke: 'second', values: curve.batch, from: 0 },
  ];
  return (
    <section aria-label={t.curveTitle}>
      <h2>{t.curveTitle}</h2>
      <p class="hint">{t.curve}</p>
      <Legend lines={lines} label={t.legend} />
      <Plot title={t.curve} lines={lines} last={curve.batch.length - 1} mark={{ at: more, name: String(more) }} />
      <p>{t.curveText(more, shown(curve.batch[more] ?? NaN, 3), shown(curve.masked[more] ?? NaN, 3), shown(curve.layer[more] ?? NaN, 3))}</p>
    </section>
  );
}

interface MovesProps {
  readonly answer: PaddingAnswer;
  readonly sentence: number;
  readonly more: number;
}

export function Moves({ answer, sentence, more }: MovesProps) {
  const t = texts.value.padding;
  const rows: [name: 'padding' | 'morePadding' | 'noNeighbours' | 'evaluation', text: string][] = [
    ['padding', t.padding(more)],
    ['morePadding', t.morePadding(more)],
    ['noNeighbours', t.noNeighbours(sentence + 1)],
    ['evaluation', t.evaluation(sentence + 1)],
  ];
  const isRefused = rows.some(([name]) => answer[name].batch === null);
  return (
    <section aria-label={t.movesTitle}>
      <h2>{t.movesTitle}</h2>
      <div class="scroll" role="group" tabIndex={0} aria-label={t.movesTitle}>
        <table class="numbers">
          <thead><tr><th scope="col">{t.moves}</th><th scope="col" class="number">BatchNorm</th><th scope="col" class="number">LayerNorm</th></tr></thead>
          <tbody>
            {rows.map(([name, text]) => (
              <tr key={name}>
                <th scope="row">{text}</th>
                <td class="number" data-testid={`${name}-batch`}>{shownMove(answer[name], t.refused)}</td>
                <td class="number" data-testid={`${name}-layer`}>{shown(answer[name].layer, 4)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {isRefused && <p class="hint">{t.refusedText}</p>}
    </section>
  );
}

function shownMove({ batch }: Moved, refused: string, digits = 4): string {
  return batch === null ? refused : shown(batch, digits);
}

/** As many digits as a batch has: statistics of many pixels, which no padding thins. */
const images = 32;

export function Why({ answer }: { readonly answer: PaddingAnswer }) {
  const t = texts.value.padding;
  const { answer: unpadded } = useJob('unpadded', () => ({ images })).value;
  const { padding, noNeighbours, evaluation, share } = answer;
  const most = Math.max(padding.layer, noNeighbours.layer, evaluation.layer);
  return (
    <section aria-label={t.whyTitle}>
      <h2>{t.whyTitle}</h2>
      <p data-testid="why">
        {t.why(percent(share), shownMove(padding, t.refused, 2), shownMove(noNeighbours, t.refused, 2), shownMove(evaluation, t.refused, 2), shown(most, 2))}
      </p>
      {unpadded !== null && (
        <p data-testid="vision">{t.vision(images, unpadded.values, error(unpadded.otherNeighbours))} {t.visionAlone(error(unpadded.alone))}</p>
      )}
    </section>
  );
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
