// 1. Who shares my mean: a layer or pattern and a shape; the sets, their counts, the parameters.

import { computed, useComputed, useSignal } from '@preact/signals';
import type { ExplainData } from 'evenkeel';
import { useJob } from '../client.js';
import { MOST_CELLS } from '../field/geometry.js';
import { Field } from '../field/field.js';
import { Choice, ErrorText, Takeaway, TextField } from '../parts/controls.js';
import { CopyAs } from '../parts/copyas.js';
import { chosenData, dataAsked, DataPicker, isMadeByShape } from '../parts/datapicker.js';
import { useElementSet } from '../parts/elementset.js';
import { Facts, pictureForms } from '../parts/setsfacts.js';
import { axisNames, axisSystems, namedLabel, parseShape, type AxisSystem } from '../parts/shape.js';
import { param, set } from '../route.js';
import { texts } from '../settings.js';
import type { DataAnswer } from '../worker/jobs/data.js';
import type { Drawn } from '../worker/jobs/sets.js';

const layerText = param('layer', 'nn.BatchNorm1d(3)');
const sizesText = param('sizes', '');
const shapeText = param('shape', '2x3x4');
const axesText = param('axes', 'sequence');
const shape = computed(() => parseShape(shapeText.value));

const suggestions = [
  'nn.BatchNorm1d(3)', 'nn.LayerNorm(4)', 'nn.LayerNorm([3, 4])', 'nn.InstanceNorm1d(3)', 'nn.GroupNorm(1, 3)', 'nn.GroupNorm(3, 3)',
  'nn.RMSNorm(4)', 'b [c] s..., c', 'b (g [c]) [s...], (g c)', '[b s...] c, c',
];

/** The worked example's three layers. */
const examples = ['nn.BatchNorm1d(3)', 'nn.LayerNorm([3, 4])', 'nn.InstanceNorm1d(3)'];

export function Content() {
  const t = texts.value;
  return (
    <>
      <p class="lead">{t.who.lead}</p>
      <Explorer />
      <h2>{t.who.sideBySide}</h2>
      <div class="panels">{examples.map((text) => <Example key={text} text={text} />)}</div>
      <Takeaway title={t.takeaway}>{t.who.takeaway}</Takeaway>
    </>
  );
}

function Explorer() {
  const t = texts.value;
  const selected = useSignal<number | null>(null);
  const values = useJob('data', () => {
    const asked = dataAsked(shape.value);
    // Numbers stand in the cells of what is drawn whole.
    return asked === null || sizeOf(asked.shape) > MOST_CELLS ? null : asked;
  });
  const extents = useComputed(() => (isMadeByShape(chosenData()) ? shape.value : (values.value.answer?.shape ?? null)));
  const known = useJob('sets', () =>
    (extents.value === null ? null : { subject: { text: layerText.value, sizes: sizesText.value }, shape: extents.value, values: null }));
  const sentence = useElementSet(known, selected);
  const { answer, failure } = known.value;
  const system = axisSystems.find((name) => name === axesText.value) ?? 'plain';
  const labels = useComputed(() => labelsOf(values.value.answer, known.value.answer?.drawn?.shape ?? []));
  const isPattern = answer !== null && answer.data.name.startsWith("'");
  const isMade = isMadeByShape(chosenData());
  const names = axisNames(system, answer?.data.shape.length ?? 0, t.axis);
  const said = sentence.value.answer === null ? null : t.element(sentence.value.answer, names);
  const shapeFailure = isMade && shape.value === null ? { code: 'shape', message: t.who.badShape(shapeText.value), data: {} } : null;
  return (
    <section aria-label={t.screens.who}>
      <div class="controls">
        <TextField label={t.who.layer} value={layerText.value} change={(layer) => set({ layer })} width={26} options={suggestions} isPattern failure={failure} />
        {isPattern || sizesText.value !== '' || /\([a-z]+ /.test(layerText.value)
          ? <TextField label={t.who.sizes} value={sizesText.value} change={(sizes) => set({ sizes })} width={8} />
          : null}
        {isMade && (
          <TextField label={t.who.shape} value={shapeText.value} change={(next) => set({ shape: next })} failure={shapeFailure ?? values.value.failure} />
        )}
        <Choice<AxisSystem> label={t.who.axes} value={system} options={axisSystems.map((name) => [name, t.axisSystems[name]])} choose={(axes) => set({ axes })} />
        <DataPicker failure={values.value.failure} />
      </div>
      {answer !== null && (
        <>
          <p><span class="figure" data-testid="count">{answer.data.count.toLocaleString('en')}</span> {t.who.means(answer.data)}</p>
          <p class="sentence" data-testid="sentence">{selected.value === null || answer.drawn === null ? t.summary(answer.data, names) : (said ?? '')}</p>
          {sizeOf(answer.data.shape) > MOST_CELLS && <Sampled data={answer.data} drawn={answer.drawn} />}
          <div class={answer.drawn !== null && answer.drawn.sets.length <= FEW ? 'explored beside-facts' : 'explored'}>
            {answer.drawn === null
              ? sizeOf(answer.data.shape) === 0 && <p class="notice">{t.field.empty}</p>
              : <Field shape={answer.drawn.shape} sets={answer.drawn.sets} labels={labels.value} axisNames={names} selected={selected} sentence={said} label={answer.data.name} />}
            <Facts data={answer.data} />
          </div>
          <CopyAs
            forms={[
              ['PyTorch', () => answer.data.pytorch],
              ['evenkeel', () => evenkeelOf(answer.data.name, answer.data.shape, sizesText.value)],
              [t.who.brackets, () => answer.data.pattern],
              ...pictureForms(answer.drawn, labels.value, `${answer.data.name}: ${t.summary(answer.data, names)}`),
            ]}
          />
        </>
      )}
    </section>
  );
}

/** Fewer elements leave room beside the field. */
const FEW = 400;

/** What stands in the cells: names, or the numbers themselves; nothing where what is drawn stands for another tensor. */
function labelsOf(given: DataAnswer | null, drawn: readonly number[]): (element: number) => string {
  if (given === null || given.shape.join() !== drawn.join()) return () => '';
  if (chosenData() === 'named') return (element) => namedLabel(element, given.shape.at(-1) ?? 1);
  return (element) => short(given.values[element] ?? NaN);
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 2 : 1).replace('-', '−');
}

/** Above the limit: what it is, and what is drawn in its place. */
function Sampled({ data, drawn }: { readonly data: ExplainData; readonly drawn: Drawn | null }) {
  const t = texts.value.field;
  return (
    <p class="notice" data-testid="sampled">
      {t.tooMany(sizeOf(data.shape).toLocaleString('en'), MOST_CELLS.toLocaleString('en'))}{drawn !== null && t.smaller(drawn.shape.join(' × '))}
    </p>
  );
}

function sizeOf(extents: readonly number[]): number {
  return extents.reduce((product, extent) => product * extent, 1);
}

function Example({ text }: { readonly text: string }) {
  const t = texts.value;
  const selected = useSignal<number | null>(null);
  const known = useJob('sets', () => ({ subject: { text, sizes: '' }, shape: [2, 3, 4], values: null }));
  const sentence = useElementSet(known, selected);
  const { answer, failure } = known.value;
  const drawn = answer?.drawn?.sets ?? null;
  const names = ['N', 'C', 'L'];
  const said = sentence.value.answer === null ? null : t.element(sentence.value.answer, names);
  const labels = useComputed(() => (element: number) => namedLabel(element, 4));
  return (
    <section class="panel" aria-label={text}>
      <h3><a href={`#who?layer=${encodeURIComponent(text)}`} onClick={(event) => { event.preventDefault(); set({ layer: text, shape: '2x3x4', sizes: null }); }}>{text}</a></h3>
      {failure !== null && <ErrorText failure={failure} />}
      {answer !== null && drawn !== null && (
        <>
          <p><b data-testid={`count-${text}`}>{answer.data.count}</b> {t.who.means(answer.data)}</p>
          <Field shape={[2, 3, 4]} sets={drawn} labels={labels.value} axisNames={names} selected={selected} sentence={said} label={text} />
          <p class="hint">{selected.value === null ? t.summary(answer.data, names) : (said ?? '')}</p>
        </>
      )}
    </section>
  );
}

/** The same in TypeScript. */
function evenkeelOf(name: string, extents: readonly number[], sizes: string): string {
  const list = `[${extents.join(', ')}]`;
  if (!name.startsWith("'")) return `import { explain, layerFrom } from 'evenkeel';\n\nexplain(layerFrom('nn.${name}'), ${list}).text;\n`;
  const pattern = name.replace(/ with .*$/, '');
  const factors = sizes.trim() === '' ? '' : `, { ${sizes.trim().split(/[\s,]+/).map((word) => word.replace('=', ': ')).join(', ')} }`;
  return `import { explain } from 'evenkeel';\n\nexplain(${pattern}, ${list}${factors}).text;\n`;
}
