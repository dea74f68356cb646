// 8. Train it: the digits, a small network, any norm; losses and accuracies as they come, and runs beside each other.

import { computed, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { announce } from '../announce.js';
import { useJob } from '../client.js';
import { Choice, ErrorText, Takeaway, TextField } from '../parts/controls.js';
import { CopyAs } from '../parts/copyas.js';
import { ticksBetween } from '../parts/plot.js';
import { SetsFold } from '../parts/setsfold.js';
import { shown } from '../parts/shownumber.js';
import { param, set } from '../route.js';
import { texts } from '../settings.js';
import {
  batchSizes, epochCounts, networkNames, normShapes, normTexts, rateOf, trainNorms, type NetworkName, type TrainNorm, type TrainSettings,
} from '../worker/jobs/trainnames.js';
import type { Failure } from '../worker/protocol.js';
import { Curves, Sample, type Curve } from './traincurves.js';
import { evenkeelListing, pytorchListing } from './trainlisting.js';
import { current, pause, remove, resume, runs, start, stop, type Run } from './trainruns.js';
import './train.css';

const networkText = param('net', 'mlp');
const normText = param('norm', 'batch');
const batchText = param('batch', '32');
const epochsText = param('epochs', '');
const rateText = param('rate', '0.05');
const seedText = param('seed', '0');

const network = computed<NetworkName>(() => networkNames.find((name) => name === networkText.value) ?? 'mlp');
const norms = computed(() => trainNorms.filter((name) => normTexts[network.value][name] !== undefined));
const norm = computed<TrainNorm>(() => norms.value.find((name) => name === normText.value) ?? 'batch');

/** What is set, but for what is no number. */
const settings = computed<TrainSettings>(() => ({
  network: network.value,
  norm: norm.value,
  batch: batchSizes.find((n) => String(n) === batchText.value) ?? 32,
  epochs: epochCounts.find((n) => String(n) === epochsText.value) ?? { mlp: 6, resnet: 3 }[network.value],
  rate: Number(rateText.value),
  seed: Number(seedText.value),
}));

const hasRate = computed(() => settings.value.rate > 0 && settings.value.rate <= 10);
const hasSeed = computed(() => /^\d+$/.test(seedText.value) && Number.isSafeInteger(settings.value.seed));

/** The run whose numbers are shown; none: the newest. */
const chosen = signal<number | null>(null);

export function Content() {
  const t = texts.value;
  // A run that nobody watches would only warm the room.
  useEffect(() => stop, []);
  return (
    <>
      <p class="lead">{t.train.lead}</p>
      <Controls />
      <Sets />
      <Buttons />
      <Standing />
      <Plots />
      {runs.value.length > 0 && <Runs />}
      <Numbers />
      {hasRate.value && hasSeed.value && (
        <CopyAs forms={[['PyTorch', () => pytorchListing(settings.value)], ['evenkeel', () => evenkeelListing(settings.value)]]} />
      )}
      {foldedLayer() !== '' && <SetsFold layer={foldedLayer()} shape={foldedShape()} names={axesOf(foldedShape().length)} />}
      <Takeaway title={t.takeaway}>{t.train.takeaway}</Takeaway>
    </>
  );
}

function Controls() {
  const t = texts.value.train;
  const { batch, epochs } = settings.value;
  return (
    <>
      <div class="controls">
        <Choice label={t.network} value={network.value} options={networkNames.map((name) => [name, t.networks[name]])} choose={(net) => set({ net })} />
        <Choice label={t.norm} value={norm.value} options={norms.value.map((name) => [name, labelOf(network.value, name)])} choose={(name) => set({ norm: name })} />
        <Choice label={t.batch} value={String(batch)} options={batchSizes.map((n) => [String(n), String(n)])} choose={(n) => set({ batch: n })} />
        <Choice label={t.epochs} value={String(epochs)} options={epochCounts.map((n) => [String(n), String(n)])} choose={(n) => set({ epochs: n })} />
        <TextField label={t.rate} value={rateText.value} change={(rate) => set({ rate })} width={7} failure={wrong(hasRate.value, t.badRate(rateText.value))} />
        <TextField label={t.seed} value={seedText.value} change={(seed) => set({ seed })} width={7} failure={wrong(hasSeed.value, t.badSeed(seedText.value))} />
      </div>
      <p class="hint">{t.step(hasRate.value ? shown(rateOf(settings.value)) : '–')}{network.value === 'mlp' && ` ${t.noInstance}`}</p>
    </>
  );
}

/** The first norm, on a batch of two at most: enough to see its sets. */
function foldedLayer(): string {
  const { network, norm } = settings.value;
  const layer = normTexts[network][norm] ?? '';
  return layer === '' ? '' : `nn.${layer}`;
}

function foldedShape(): number[] {
  const { network, batch } = settings.value;
  return [Math.min(2, batch), ...normShapes[network]];
}

function axesOf(rank: number): string[] {
  return ['N', 'C', 'H', 'W'].slice(0, rank);
}

function wrong(isRight: boolean, message: string): Failure | null {
  return isRight ? null : { code: 'argument', message, data: {} };
}

/** How many numbers are in a statistic of the first norm: what decides the outcome. */
function Sets() {
  const t = texts.value;
  const known = useJob('sets', () => {
    const { network, norm, batch } = settings.value;
    const text = normTexts[network][norm] ?? '';
    return text === '' ? null : { subject: { text: `nn.${text}`, sizes: '' }, shape: [batch, ...normShapes[network]], values: null };
  });
  const { network, norm, batch } = settings.value;
  const layer = normTexts[network][norm] ?? '';
  const { answer, failure } = known.value;
  if (failure !== null) return <ErrorText failure={failure} />;
  if (layer === '') return <p>{t.train.noSets}</p>;
  return (
    <p>
      {t.train.sets(layer, [batch, ...normShapes[network]].join('×'))}{' '}
      {answer !== null && <><b class="figure" data-testid="sets">{answer.data.count}</b> {t.who.means(answer.data)}</>}
    </p>
  );
}

function Buttons() {
  const t = texts.value.train;
  const isReady = hasRate.value && hasSeed.value;
  const run = current.value;
  return (
    <div class="controls" role="group" aria-label={t.controls}>
      <button type="button" class="primary" disabled={!isReady} onClick={() => begin([settings.value])}>{t.start}</button>
      <button type="button" disabled={!isReady} onClick={() => begin(everyNorm())}>{t.compare}</button>
      {run !== null && (
        <>
          <button type="button" onClick={run.state === 'paused' ? resume : pause}>{run.state === 'paused' ? t.resume : t.pause}</button>
          <button type="button" onClick={stop}>{t.stop}</button>
        </>
      )}
    </div>
  );
}

/** The study of why vision kept BatchNorm. */
function everyNorm(): TrainSettings[] {
  return [32, 2].flatMap((batch) => norms.value.map((norm) => ({ ...settings.value, norm, batch })));
}

function begin(all: readonly TrainSettings[]): void {
  chosen.value = null;
  start(all);
}

/** How far the run is that is under way. */
function Standing() {
  const t = texts.value.train;
  const run = current.value;
  const last = runs.value.findLast(({ state }) => state === 'done');
  useEffect(() => {
    if (last !== undefined) announce(t.finished(nameOf(last.settings), percent(last.epochs.at(-1)?.accuracy)));
  }, [last?.id]);
  if (run === null) return null;
  const { settings, done, total, secondsLeft, state } = run;
  const waiting = runs.value.filter((each) => each.state === 'waiting').length;
  const notes = [
    ...(state === 'paused' ? [t.paused] : secondsLeft === null ? [] : [t.left(Math.ceil(secondsLeft))]),
    ...(waiting === 0 ? [] : [t.waiting(waiting)]),
  ];
  return (
    <div class="standing" data-testid="standing">
      <progress max={Math.max(1, total)} value={done} aria-label={t.progress} />
      <span>{[t.standing(nameOf(settings), done, total), ...notes].join(' · ')}</span>
    </div>
  );
}

/** Points of the loss in an epoch: each is the mean of its steps. */
const POINTS = 12;

function Plots() {
  const t = texts.value.train;
  const all = runs.value.filter(({ epochs }) => epochs.length > 0);
  const last = all.reduce((most, { settings }) => Math.max(most, settings.epochs), runs.value.length === 0 ? settings.value.epochs : 1);
  const losses = all.map((run): Curve => ({ slot: run.slot, points: lossPoints(run), hasMarks: false }));
  const accuracies = all.map(({ slot, epochs }): Curve => ({ slot, points: epochs.map(({ accuracy }, i) => [i, 100 * accuracy]), hasMarks: true }));
  const highest = losses.flatMap(({ points }) => points.map(([, loss]) => loss)).filter(Number.isFinite).reduce((a, b) => Math.max(a, b), 1);
  return (
    <div class="plots">
      <section aria-label={t.loss}>
        <h2>{t.loss} <small>{t.perEpoch}</small></h2>
        <Curves title={t.plotTitle(t.loss, all.length)} curves={losses} last={last} low={0} high={ticksBetween(0, Math.min(4, highest), 5).at(-1) ?? 1} empty={t.empty} />
      </section>
      <section aria-label={t.accuracy}>
        <h2>{t.accuracy} <small>{t.perEpoch}</small></h2>
        <Curves title={t.plotTitle(t.accuracy, all.length)} curves={accuracies} last={last} low={0} high={100} empty={t.empty} />
      </section>
    </div>
  );
}

function lossPoints({ losses, settings, total }: Run): [x: number, y: number][] {
  const steps = Math.max(1, total / settings.epochs);
  const size = Math.max(1, Math.round(steps / POINTS));
  return Array.from({ length: Math.floor(losses.length / size) }, (_, i) => {
    const mean = losses.slice(i * size, (i + 1) * size).reduce((sum, loss) => sum + loss, 0) / size;
    return [((i + 0.5) * size) / steps, mean];
  });
}

function Runs() {
  const t = texts.value.train;
  const hasOwn = runs.value.some(({ answer }) => answer !== null && answer.withBatchStatistics !== null);
  const shownRun = chosenRun();
  return (
    <section>
      <h2>{t.runs}</h2>
      <div class="scroll" role="region" tabIndex={0} aria-label={t.runs}>
        <table class="runs">
          <thead>
            <tr>
              <th scope="col"><span class="visually-hidden">{t.line}</span></th>
              <th scope="col">{t.norm}</th>
              <th scope="col" class="number">{t.batch}</th>
              <th scope="col" class="number">{t.lastLoss}</th>
              <th scope="col" class="number">{t.lastAccuracy}</th>
              {hasOwn && <th scope="col" class="number own">{t.own}</th>}
              <th scope="col" class="number">{t.seconds}</th>
              <th scope="col"><span class="visually-hidden">{t.remove}</span></th>
            </tr>
          </thead>
          <tbody>{runs.value.map((run) => <Row key={run.id} run={run} hasOwn={hasOwn} isShown={run.id === shownRun?.id} />)}</tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ run, hasOwn, isShown }: { readonly run: Run; readonly hasOwn: boolean; readonly isShown: boolean }) {
  const t = texts.value.train;
  const { id, settings, slot, state, epochs, answer, failure } = run;
  const name = nameOf(settings);
  const last = epochs.at(-1);
  const key = `${settings.network}-${settings.norm}-${settings.batch}`;
  return (
    <tr>
      <td><Sample slot={slot} /></td>
      <th scope="row">
        <button type="button" class="plain" aria-pressed={isShown} aria-label={t.showRun(name)} onClick={() => void (chosen.value = id)}>{labelOf(settings.network, settings.norm)}</button>
        <span class="hint">{detailsOf(settings)}{t.states[state] === '' ? '' : ` · ${t.states[state]}`}</span>
        {failure !== null && <ErrorText failure={failure} />}
      </th>
      <td class="number">{settings.batch}</td>
      <td class="number" data-testid={`loss-${key}`}>{last === undefined || epochs.length < 2 ? '' : shown(last.loss, 4)}</td>
      <td class="number" data-testid={`accuracy-${key}`}>{percent(last?.accuracy)}</td>
      {hasOwn && <td class="number">{percent(answer?.withBatchStatistics ?? undefined)}</td>}
      <td class="number">{answer === null ? '' : `${answer.seconds.toFixed(1)} s`}</td>
      <td><button type="button" aria-label={t.removeRun(name)} onClick={() => remove(id)}>{t.remove}</button></td>
    </tr>
  );
}

function chosenRun(): Run | null {
  return runs.value.find(({ id }) => id === chosen.value) ?? runs.value.findLast(({ epochs }) => epochs.length > 0) ?? null;
}

/** As many first losses are written out. */
const FIRST = 6;

function Numbers() {
  const t = texts.value.train;
  const run = chosenRun();
  if (run === null) return null;
  const { settings, losses, epochs } = run;
  return (
    <section class="panel numbers">
      <h2>{nameOf(settings)}</h2>
      <p>{t.firstLosses}: <span class="mono" data-testid="first-losses">{losses.slice(0, FIRST).map((loss) => loss.toFixed(6)).join(', ')}</span></p>
      <p class="hint">{t.sameAsTorch(settings.seed)}</p>
      <div class="scroll" role="region" tabIndex={0} aria-label={t.numbers}>
        <table>
          <thead><tr><th scope="col">{t.epoch}</th><th scope="col" class="number">{t.meanLoss}</th><th scope="col" class="number">{t.lastAccuracy}</th></tr></thead>
          <tbody>
            {epochs.map(({ loss, accuracy }, i) => (
              <tr key={i}>
                <th scope="row">{i === 0 ? t.before : i}</th>
                <td class="number" data-testid={`epoch-loss-${i}`}>{i === 0 ? '' : loss.toFixed(6)}</td>
                <td class="number" data-testid={`epoch-accuracy-${i}`}>{percent(accuracy, 2)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function percent(share: number | undefined, digits = 1): string {
  return share === undefined ? '' : `${(100 * share).toFixed(digits)} %`;
}

function labelOf(network: NetworkName, norm: TrainNorm): string {
  const text = normTexts[network][norm] ?? '';
  return text === '' ? texts.value.train.none : text.replace(/\(.*/, '').replace('GroupNorm', 'GroupNorm, 4');
}

function nameOf({ network, norm, batch, epochs, rate, seed }: TrainSettings): string {
  const t = texts.value.train;
  return t.name(t.shortNetworks[network], labelOf(network, norm), batch, epochs, shown(rate), seed);
}

/** What the columns do not have. */
function detailsOf({ network, epochs, rate, seed }: TrainSettings): string {
  const t = texts.value.train;
  return `${t.shortNetworks[network]} · ${t.epochs} ${epochs} · ${t.seed} ${seed}${rate === 0.05 ? '' : ` · ${t.rate} ${shown(rate)}`}`;
}
