// 4. Step the arithmetic: one set through the layer one step at a time, forward and backward, beside hand-written code.

import { computed, signal, useSignalEffect } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { ExplainData, Steps } from 'evenkeel';
import { useJob } from '../client.js';
import { Field } from '../field/field.js';
import { indexOf, MOST_CELLS } from '../field/geometry.js';
import { Cells } from '../parts/cells.js';
import { Choice, Takeaway, TextField } from '../parts/controls.js';
import { CopyAs } from '../parts/copyas.js';
import { chosenData, dataAsked, DataPicker, isMadeByShape } from '../parts/datapicker.js';
import { axisNames, namedLabel, parseShape } from '../parts/shape.js';
import { shown } from '../parts/shownumber.js';
import { param, set } from '../route.js';
import { texts } from '../settings.js';
import { gradientNames, mistakeNames, type GradientName } from '../worker/jobs/stepnames.js';
import type { StepsAnswer } from '../worker/jobs/steps.js';
import type { Failure } from '../worker/protocol.js';
import { Ladder } from './stepladder.js';
import { backwardListing, forwardListing, programOf } from './steplisting.js';
import { GradientChecks, Mistakes } from './stepmistakes.js';
import './steps.css';

const layerText = param('layer', 'nn.LayerNorm(4)');
const sizesText = param('sizes', '');
const shapeText = param('shape', '2x3x4');
const gammaText = param('gamma', '1');
const betaText = param('beta', '0');
const timesText = param('times', '1');
const plusText = param('plus', '0');
const atText = param('at', '');
const mistakeText = param('mistake', 'none');
const directionText = param('pass', 'forward');
const stepText = param('step', 'mean');
const backText = param('back', 'mean');
const gradientText = param('dy', 'randn');

const shape = computed(() => parseShape(shapeText.value));
const mistake = computed(() => mistakeNames.find((name) => name === mistakeText.value) ?? 'none');
const gradient = computed(() => gradientNames.find((name) => name === gradientText.value) ?? 'randn');
const isBackward = computed(() => directionText.value === 'backward');

const suggestions = [
  'nn.LayerNorm(4)', 'nn.LayerNorm([3, 4])', 'nn.BatchNorm1d(3)', 'nn.InstanceNorm1d(3)', 'nn.GroupNorm(1, 3)', 'nn.RMSNorm(4)', 'b [c] s..., c', '[b s...] c, c',
];
const factors = ['1', '0.01', '0.001', '0.0001'] as const;
const offsets = ['0', '1000', '10000', '100000', '1000000'] as const;

/** The element whose set it is, as its place in memory; null: as the address says. */
const selected = signal<number | null>(null);

export function Content() {
  const t = texts.value;
  return (
    <>
      <p class="lead">{t.steps.lead}</p>
      <Stepping />
      <Takeaway title={t.takeaway}>{t.steps.takeaway}</Takeaway>
    </>
  );
}

function Stepping() {
  const t = texts.value;
  const values = useJob('data', () => dataAsked(shape.value));
  const known = useJob('steps', () => {
    const given = values.value.answer;
    if (given === null) return null;
    return {
      subject: { text: layerText.value, sizes: sizesText.value },
      shape: given.shape,
      values: given.values,
      times: Number(timesText.value) || 1,
      plus: Number(plusText.value) || 0,
      gamma: gammaText.value,
      beta: betaText.value,
      index: selected.value === null ? numbersOf(atText.value) : indexOf(selected.value, given.shape),
      mistake: mistake.value,
      gradient: isBackward.value ? gradient.value : null,
    };
  });
  useAddress(() => values.value.answer?.shape ?? null);
  const { answer, failure } = known.value;
  const isMade = isMadeByShape(chosenData());
  const shapeFailure = isMade && shape.value === null ? { code: 'shape', message: t.who.badShape(shapeText.value), data: {} } : null;
  const isPattern = answer !== null && answer.data.name.startsWith("'");
  return (
    <section aria-label={t.screens.steps}>
      <div class="controls">
        <TextField label={t.who.layer} value={layerText.value} change={(layer) => set({ layer })} width={26} options={suggestions} isPattern failure={failureOf(failure, 'layer')} />
        {(isPattern || sizesText.value !== '') && <TextField label={t.who.sizes} value={sizesText.value} change={(sizes) => set({ sizes })} width={8} />}
        {isMade && <TextField label={t.who.shape} value={shapeText.value} change={(next) => set({ shape: next })} failure={shapeFailure ?? values.value.failure} width={9} />}
        <DataPicker failure={values.value.failure} />
      </div>
      {answer === null ? failure !== null && <Operands data={null} failure={failure} /> : <Shown answer={answer} values={values.value.answer?.values ?? new Float32Array()} failure={failure} />}
    </section>
  );
}

/** Whether it was made in this field; a layer's unless it says another. */
function failureOf(failure: Failure | null, field: string): Failure | null {
  return failure !== null && String(failure.data['field'] ?? 'layer') === field ? failure : null;
}

function Shown({ answer, values, failure }: { readonly answer: StepsAnswer; readonly values: Float32Array; readonly failure: Failure | null }) {
  const t = texts.value;
  const { data, sets, steps, element: own } = answer;
  const said = t.element(own, axisNames('plain', data.shape.length, t.axis));
  const columns = data.shape.at(-1) ?? 1;
  const isNamed = chosenData() === 'named';
  const labels = useMemo(() => (element: number) => (isNamed ? namedLabel(element, columns) : shown(values[element] ?? NaN, 3)), [isNamed, columns, values]);
  const index = steps.indices[steps.at] ?? [];
  const element = `x[${index.join(', ')}]`;
  // The set is lifted in the field from the start.
  useEffect(() => {
    const own = index.reduce((outer, i, axis) => outer * (data.shape[axis] ?? 1) + i, 0);
    const size = data.shape.reduce((product, extent) => product * extent, 1);
    if (selected.value === null || selected.value >= size) selected.value = own;
  }, [answer]);
  return (
    <>
      <div class="chooser">
        {sets === null ? <p class="notice">{t.field.tooMany(values.length.toLocaleString('en'), MOST_CELLS.toLocaleString('en'))}</p> : (
          <Field
            shape={data.shape} sets={sets} labels={labels} axisNames={axisNames('plain', data.shape.length, t.axis)} selected={selected} sentence={said} label={data.name}
          />
        )}
        <div>
          <p class="sentence" data-testid="sentence">{said}</p>
          <Operands data={data} failure={failure} />
        </div>
      </div>
      <Tabs />
      <div role="tabpanel" id="steps-panel" aria-label={isBackward.value ? t.steps.backward : t.steps.forward}>
        {isBackward.value ? <Backward answer={answer} /> : <Forward answer={answer} element={element} />}
      </div>
    </>
  );
}

/** What is done to x first, and the parameters. */
function Operands({ data, failure }: { readonly data: ExplainData | null; readonly failure: Failure | null }) {
  const t = texts.value.steps;
  // Without an answer both stand there: a wrong one can be mended.
  const { weight, bias } = data?.parameters ?? { weight: [], bias: [] };
  return (
    <div class="controls">
      <Choice label={t.times} value={timesText.value} options={factors.map((n) => [n, `× ${n}`])} choose={(times) => set({ times: times === '1' ? null : times })} />
      <Choice label={t.plus} value={plusText.value} options={offsets.map((n) => [n, n === '0' ? '0' : `+ ${Number(n).toLocaleString('en')}`])} choose={(plus) => set({ plus: plus === '0' ? null : plus })} />
        {weight !== null && <TextField label={t.gamma} value={gammaText.value} change={(gamma) => set({ gamma })} failure={failureOf(failure, 'gamma')} />}
        {bias !== null && <TextField label={t.beta} value={betaText.value} change={(beta) => set({ beta })} failure={failureOf(failure, 'beta')} />}
    </div>
  );
}

function to(pass: 'forward' | 'backward'): void {
  set({ pass: pass === 'forward' ? null : pass });
}

function Tabs() {
  const t = texts.value.steps;
  const other = isBackward.value ? 'forward' : 'backward';
  return (
    <div
      class="tabs" role="tablist" aria-label={t.direction}
      onKeyDown={(event) => {
        if (!['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) return;
        event.preventDefault();
        to(other);
        document.querySelector<HTMLElement>(`#tab-${other}`)?.focus();
      }}
    >
      {(['forward', 'backward'] as const).map((name) => {
        const isChosen = name === 'backward' ? isBackward.value : !isBackward.value;
        return (
          <button key={name} type="button" role="tab" id={`tab-${name}`} aria-selected={isChosen} aria-controls="steps-panel" tabIndex={isChosen ? 0 : -1} onClick={() => to(name)}>
            {t[name]}
          </button>
        );
      })}
    </div>
  );
}

function Forward({ answer, element }: { readonly answer: StepsAnswer; readonly element: string }) {
  const t = texts.value.steps;
  const { steps, data, mistakes } = answer;
  const shownMistake = mistakes === null ? 'none' : mistake.value;
  const listed = { statistics: data.statistics, mistake: shownMistake, hasGamma: data.parameters.weight !== null, hasBeta: data.parameters.bias !== null };
  return (
    <>
      <Ladder
        steps={steps.forward} current={placeOf(steps.forward, stepText.value)} go={(place) => set({ step: steps.forward[place]?.name ?? null })}
        titleOf={({ name }) => (isKey(t.names, name) ? t.names[name] : name)} of={steps} {...chooserOf(answer)} code={forwardListing(listed)}
      />
      <CopyAs
        forms={[
          ['PyTorch', () => programOf('python', forwardListing(listed), answer)],
          ['TypeScript', () => programOf('typescript', forwardListing(listed), answer)],
          [t.asText, () => `${steps.text}\n`],
        ]}
      />
      <Mistakes rows={mistakes} chosen={shownMistake} element={element} />
    </>
  );
}

function Backward({ answer }: { readonly answer: StepsAnswer }) {
  const t = texts.value.steps;
  const { steps, data, checks } = answer;
  const listed = { statistics: data.statistics, hasGamma: data.parameters.weight !== null, hasBeta: data.parameters.bias !== null };
  const forward = new Map(steps.forward.map((step) => [step.name, step]));
  const root = steps.forward.findLast(({ of }) => of === 'set');
  return (
    <>
      <div class="controls">
        <Choice<GradientName> label={t.gradient} value={gradient.value} options={gradientNames.map((name) => [name, t.gradients[name]])} choose={(dy) => set({ dy: dy === 'randn' ? null : dy })} />
      </div>
      <Ladder
        steps={steps.backward} current={placeOf(steps.backward, backText.value)} go={(place) => set({ back: steps.backward[place]?.name ?? null })}
        titleOf={({ name }) => (isKey(t.backwardNames, name) ? t.backwardNames[name] : name)} of={steps} {...chooserOf(answer)} code={backwardListing(listed)}
        before={(
          <li class="rung from">
            <p class="formula"><span class="title">{t.fromForward}</span><span class="mono">x̂, {data.statistics === 'l2' ? 'length' : 'root'} = {shown(root?.values[0] ?? NaN, 7)}</span></p>
            <div class="numbers"><Cells values={forward.get('normalized')?.values ?? []} label="x̂" at={steps.at} /></div>
          </li>
        )}
      />
      <GradientChecks checks={checks} dx={steps.backward.find(({ name }) => name === 'dx')?.values ?? []} at={steps.at} />
    </>
  );
}

/** What cells are called, and what choosing one does. */
function chooserOf({ data, steps }: StepsAnswer) {
  const columns = data.shape.at(-1) ?? 1;
  const flat = (place: number): number => (steps.indices[place] ?? []).reduce((outer, i, axis) => outer * (data.shape[axis] ?? 1) + i, 0);
  return {
    captions: (place: number): string => (chosenData() === 'named' ? namedLabel(flat(place), columns) : `[${steps.indices[place]?.join() ?? ''}]`),
    choose: (place: number): void => void (selected.value = flat(place)),
  };
}

function placeOf(steps: Steps['forward'] | Steps['backward'], name: string): number {
  return Math.max(0, steps.findIndex((step) => step.name === name));
}

function isKey<T extends object>(of: T, key: PropertyKey): key is keyof T {
  return Object.hasOwn(of, key);
}

const numbersOf = (text: string): number[] => (/^\d+(,\d+)*$/.test(text) ? text.split(',').map(Number) : []);

/** The chosen element goes to the address once the pointer rests, and comes from it when somebody goes back. */
function useAddress(shapeNow: () => readonly number[] | null): void {
  useSignalEffect(() => {
    const element = selected.value;
    const extents = shapeNow();
    if (element === null || extents === null) return undefined;
    const timer = setTimeout(() => set({ at: element === 0 ? null : indexOf(element, extents).join() }), 300);
    return () => clearTimeout(timer);
  });
  useEffect(() => {
    const follow = () => void (selected.value = null);
    addEventListener('popstate', follow);
    return () => {
      removeEventListener('popstate', follow);
      selected.value = null;
    };
  }, []);
}
