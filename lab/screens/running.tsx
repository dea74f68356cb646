// 5. Training and inference: what BatchNorm keeps of a drifting stream, momentum's two dialects, N and N − 1, eval, a batch of one.

import { computed } from '@preact/signals';
import { useJob } from '../client.js';
import { Choice, ErrorText, Slider, Takeaway, TextField } from '../parts/controls.js';
import { CopyAs } from '../parts/copyas.js';
import { Legend, Plot, type PlotLine } from '../parts/plot.js';
import { SetsFold } from '../parts/setsfold.js';
import { error, shown } from '../parts/shownumber.js';
import { param, set } from '../route.js';
import { texts } from '../settings.js';
import type { RunningAnswer } from '../worker/jobs/running.js';
import './running.css';

const sizeText = param('n', '8');
const batchesText = param('batches', '40');
const momentumText = param('momentum', '0.1');
const driftText = param('drift', '4');
const seedText = param('seed', '0');
const stopText = param('stop', '20');

const momenta = ['0.01', '0.1', '0.5', '0.9', '0.99', 'none'] as const;
const lengths = ['20', '40', '100', '200'] as const;
const drifts = ['0', '1', '4', '10'] as const;

const momentum = computed(() => momenta.find((name) => name === momentumText.value) ?? '0.1');
const batches = computed(() => Number(lengths.find((n) => n === batchesText.value) ?? '40'));
const stop = computed(() => Math.max(1, Math.min(batches.value, Math.round(Number(stopText.value)) || 1)));

export function Content() {
  const t = texts.value;
  const known = useJob('running', () => ({
    size: Number(sizeText.value),
    batches: batches.value,
    momentum: momentum.value === 'none' ? null : Number(momentum.value),
    drift: Number(driftText.value) || 0,
    seed: Number(seedText.value) || 0,
    stop: stop.value,
  }));
  const { answer, failure } = known.value;
  const isOfSize = failure?.code === 'too_few_values' || failure?.data['field'] === 'size';
  return (
    <>
      <p class="lead">{t.running.lead}</p>
      <div class="controls">
        <TextField label={t.running.size} value={sizeText.value} change={(n) => set({ n })} width={6} failure={isOfSize ? failure : null} />
        <Choice label={t.running.momentum} value={momentum.value} options={momenta.map((name) => [name, t.running.momenta[name]])} choose={(name) => set({ momentum: name })} />
        <Choice label={t.running.batches} value={String(batches.value)} options={lengths.map((n) => [n, n])} choose={(n) => set({ batches: n })} />
        <Choice label={t.running.drift} value={driftText.value} options={drifts.map((n) => [n, n])} choose={(drift) => set({ drift })} />
        <TextField label={t.running.seed} value={seedText.value} change={(seed) => set({ seed })} width={5} />
      </div>
      {failure !== null && !isOfSize && <ErrorText failure={failure} />}
      {answer !== null && <Stream answer={answer} />}
      {failure === null && <SetsFold layer="nn.BatchNorm1d(1)" shape={[Number(sizeText.value), 1]} names={['N', 'C']} />}
      <Takeaway title={t.takeaway}>{t.running.takeaway}</Takeaway>
    </>
  );
}

function Stream({ answer }: { readonly answer: RunningAnswer }) {
  const last = answer.trueMean.length;
  return (
    <>
      <Plots answer={answer} last={last} />
      <Slider label={texts.value.running.stop} value={Math.min(stop.value, last)} least={1} most={last} change={(n) => set({ stop: n })} />
      <Numbers answer={answer} at={Math.min(stop.value, last)} />
      <CopyAs forms={[['PyTorch', () => programOf('python')], ['evenkeel', () => programOf('typescript')]]} />
      <div class="pair">
        <Counts answer={answer} at={Math.min(stop.value, last)} />
        <Dialects answer={answer} at={Math.min(stop.value, last)} />
        <Stale answer={answer} at={Math.min(stop.value, last)} last={last} />
        <One answer={answer} />
      </div>
    </>
  );
}

function Plots({ answer, last }: { readonly answer: RunningAnswer; readonly last: number }) {
  const t = texts.value.running;
  const { pytorch, keras, trueMean, trueVariance, batchMean, unbiased } = answer;
  const lines = (of: 'mean' | 'variance'): PlotLine[] => [
    { name: t.batch, stroke: 'points', values: of === 'mean' ? batchMean : unbiased, from: 1 },
    { name: t.trueValue, stroke: 'truth', values: of === 'mean' ? trueMean : trueMean.map(() => trueVariance), from: 1 },
    ...(keras === null ? [] : [{ name: t.keras, stroke: 'second', values: keras[of], from: 0 } as const]),
    { name: keras === null ? t.average : t.pytorch, stroke: 'first', values: pytorch[of], from: 0 },
  ];
  const mark = { at: Math.min(stop.value, last), name: t.afterBatch(Math.min(stop.value, last)) };
  return (
    <>
      <Legend lines={lines('mean')} label={t.legend} />
      <div class="plots">
        {(['mean', 'variance'] as const).map((of) => {
          const name = of === 'mean' ? t.plotMean : t.plotVariance;
          return <section key={of} aria-label={name}><h2>{name}</h2><Plot title={t.plotTitle(name, last)} lines={lines(of)} last={last} mark={mark} /></section>;
        })}
      </div>
    </>
  );
}

/** The plots' numbers at the marked batch. */
function Numbers({ answer, at }: { readonly answer: RunningAnswer; readonly at: number }) {
  const t = texts.value.running;
  const { pytorch, keras, trueMean, trueVariance, batchMean, unbiased } = answer;
  const rows: [key: string, name: string, mean: number, variance: number][] = [
    ['true', t.trueValue, trueMean[at - 1] ?? NaN, trueVariance],
    ['batch', t.thisBatch, batchMean[at - 1] ?? NaN, unbiased[at - 1] ?? NaN],
    ['pytorch', keras === null ? t.average : t.pytorch, pytorch.mean[at] ?? NaN, pytorch.variance[at] ?? NaN],
    ...(keras === null ? [] : [['keras', t.keras, keras.mean[at] ?? NaN, keras.variance[at] ?? NaN] as [string, string, number, number]]),
  ];
  return (
    <div class="scroll" role="group" tabIndex={0} aria-label={t.tableCaption}>
      <table>
        <thead><tr><th scope="col">{t.afterBatch(at)}</th><th scope="col" class="number">{t.mean}</th><th scope="col" class="number">{t.variance}</th></tr></thead>
        <tbody>
          {rows.map(([key, name, mean, variance]) => (
            <tr key={key}>
              <th scope="row">{name}</th>
              <td class="number" data-testid={`mean-${key}`}>{shown(mean, 6)}</td>
              <td class="number" data-testid={`variance-${key}`}>{shown(variance, 6)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The weight of batch `at` in PyTorch's running statistics. */
function weightOf(at: number): number {
  return momentum.value === 'none' ? 1 / at : Number(momentum.value);
}

function Counts({ answer, at }: { readonly answer: RunningAnswer; readonly at: number }) {
  const t = texts.value.running;
  const [biased = NaN, unbiased = NaN] = [answer.biased[at - 1], answer.unbiased[at - 1]];
  const [before = NaN, after = NaN] = [answer.pytorch.variance[at - 1], answer.pytorch.variance[at]];
  const weight = weightOf(at);
  return (
    <section class="panel" aria-label={t.counts}>
      <h2>{t.counts}</h2>
      <p>{t.countsText}</p>
      <table>
        <tbody>
          <tr><th scope="row">{t.biased}</th><td class="number" data-testid="biased">{shown(biased, 6)}</td></tr>
          <tr><th scope="row">{t.unbiased}</th><td class="number" data-testid="unbiased">{shown(unbiased, 6)}</td></tr>
          <tr><th scope="row">{t.ratio}</th><td class="number">{shown(unbiased / biased, 5)}</td></tr>
        </tbody>
      </table>
      <p class="mono update">{`${t.update} = ${shown(1 - weight)} · ${shown(before)} + ${shown(weight)} · ${shown(unbiased)} = `}<b data-testid="updated">{shown(after, 6)}</b></p>
    </section>
  );
}

function Dialects({ answer, at }: { readonly answer: RunningAnswer; readonly at: number }) {
  const t = texts.value.running;
  const { keras, pytorch, trueMean } = answer;
  if (keras === null) return <section class="panel" aria-label={t.dialects}><h2>{t.dialects}</h2><p>{t.dialectsNone}</p></section>;
  const number = Number(momentum.value);
  const truth = trueMean[at - 1] ?? NaN;
  const rows = [['PyTorch', number, pytorch.mean[at] ?? NaN], ['Keras, ONNX', 1 - number, keras.mean[at] ?? NaN]] as const;
  return (
    <section class="panel" aria-label={t.dialects}>
      <h2>{t.dialects}</h2>
      <p>{t.dialectsText(shown(number), shown(1 - number))}</p>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">{t.sameNumber(shown(number))}</th>
              <th scope="col" class="number">{t.weightOfNew}</th>
              <th scope="col" class="number">{t.meanAfter}</th>
              <th scope="col" class="number">{t.distance}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, weight, mean]) => (
              <tr key={name}><th scope="row">{name}</th><td class="number">{shown(weight)}</td><td class="number">{shown(mean)}</td><td class="number">{shown(Math.abs(mean - truth), 3)}</td></tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="hint">{t.alsoUnlike}</p>
    </section>
  );
}

function Stale({ answer: { stale }, at, last }: { readonly answer: RunningAnswer; readonly at: number; readonly last: number }) {
  const t = texts.value.running;
  return (
    <section class="panel" aria-label={t.stale}>
      <h2>{t.stale}</h2>
      <p>{t.staleText(at, last)}</p>
      <dl class="facts">
        <div><dt>{t.staleMean}</dt><dd data-testid="stale-mean">{shown(stale.mean)}</dd></div>
        <div><dt>{t.staleDeviation}</dt><dd data-testid="stale-deviation">{shown(stale.deviation)}</dd></div>
        <div><dt>{t.staleError}</dt><dd data-testid="stale-error">{error(stale.error)}</dd></div>
      </dl>
    </section>
  );
}

function One({ answer: { one } }: { readonly answer: RunningAnswer }) {
  const t = texts.value.running;
  return (
    <section class="panel" aria-label={t.one}>
      <h2>{t.one}</h2>
      <p>{t.oneText}</p>
      {/* What is meant to fail is no alert. */}
      <pre class="error" data-testid="one-error">{`KeelError [${one.code}]\n${one.message}`}</pre>
      <p data-testid="one-eval">{t.oneEval(shown(one.x), shown(one.y))}</p>
      <p class="hint">{t.oneAdvice}</p>
    </section>
  );
}

/** The stream up to the marked batch, as a program that prints what the layer kept. */
function programOf(language: 'python' | 'typescript'): string {
  const [size, drift, seed, last] = [Number(sizeText.value), Number(driftText.value) || 0, Number(seedText.value) || 0, batches.value - 1];
  const value = momentum.value === 'none' ? { python: 'None', typescript: 'null' }[language] : momentum.value;
  const lines = {
    python: [
      'import torch', 'from torch import nn', '', `torch.manual_seed(${seed})`, `layer = nn.BatchNorm1d(1, momentum=${value})`, `for i in range(${stop.value}):`,
      `    layer(torch.randn(${size}, 1) * 2 + ${drift} * i / ${last})`, 'print(layer.running_mean, layer.running_var)',
    ],
    typescript: [
      "import { BatchNorm1d, manualSeed, randn } from 'evenkeel';", '', `manualSeed(${seed});`, `const layer = new BatchNorm1d(1, { momentum: ${value} });`,
      `for (let i = 0; i < ${stop.value}; i++) layer.forward(randn([${size}, 1]).mul(2).add((${drift} * i) / ${last}));`,
      'console.log(`${layer.runningMean} ${layer.runningVar}`);',
    ],
  };
  return `${lines[language].join('\n')}\n`;
}
