// 2. Same name, different set: six layers on one input, what they make of it, how far they are apart, and which are the same.

import { computed, signal } from '@preact/signals';
import { announce } from '../announce.js';
import { useJob } from '../client.js';
import { indexOf } from '../field/geometry.js';
import { Choice, ErrorText, Takeaway, TextField } from '../parts/controls.js';
import { CopyAs } from '../parts/copyas.js';
import { Pictures } from '../parts/pictures.js';
import { SetsFold } from '../parts/setsfold.js';
import { parseShape } from '../parts/shape.js';
import { shown } from '../parts/shownumber.js';
import { param, set } from '../route.js';
import { texts } from '../settings.js';
import { inputNames, namesakes, type InputName, type Namesake } from '../worker/jobs/namesake.js';
import type { Failure } from '../worker/protocol.js';
import type { Apart, NamedOutput, NamesAnswer } from '../worker/jobs/names.js';
import { Matrix } from './namesmatrix.js';
import { Worked } from './namesworked.js';
import './names.css';

const inputText = param('input', 'photo');
const shapeText = param('shape', '2x3x12x12');
const seedText = param('seed', '123');
const atText = param('at', '');
const pairText = param('pair', 'pixel-sample');

const input = computed<InputName>(() => inputNames.find((name) => name === inputText.value) ?? 'photo');
const seed = () => Number(seedText.value) || 0;
const pair = computed<readonly [Namesake, Namesake]>(() => {
  const [a, b] = pairText.value.split('-').map((text) => namesakes.find((key) => key === text));
  return a === undefined || b === undefined || a === b ? ['pixel', 'sample'] : [a, b];
});

/** What the pointer is over, for as long as it is. */
const pointed = signal<number | null>(null);

/** What is drawn black and white of every output: the same for all, so that they can be compared. */
const RANGE = 2.5;

export function Content() {
  const t = texts.value;
  const known = useJob('names', () => {
    const shape = parseShape(shapeText.value);
    if (input.value === 'randn' && shape === null) return null;
    return { input: input.value, shape: shape ?? [], seed: seed() };
  });
  const { answer, failure } = known.value;
  return (
    <>
      <p class="lead">{t.names.lead}</p>
      <Given answer={answer} failure={failure} />
      {answer !== null && <Outputs answer={answer} />}
      {answer !== null && <Apartness answer={answer} />}
      <Worked seed={seed} />
      <SetsFold layer="nn.InstanceNorm2d(3)" shape={[2, 3, 4, 4]} names={['N', 'C', 'H', 'W']} />
      <Takeaway title={t.takeaway}>{t.names.takeaway}</Takeaway>
    </>
  );
}

/** The input, and what it is set with. */
function Given({ answer, failure }: { readonly answer: NamesAnswer | null; readonly failure: Failure | null }) {
  const t = texts.value;
  const isRandom = input.value === 'randn';
  const badShape = isRandom && parseShape(shapeText.value) === null ? { code: 'shape', message: t.names.badShape(shapeText.value), data: {} } : null;
  const range: readonly [number, number] = isRandom ? [-RANGE, RANGE] : [0, 1];
  const element = answer === null ? null : active(answer.shape);
  return (
    <div class="given">
      {answer !== null && (
        <figure class="panel">
          <figcaption><code>x</code> <span class="hint">{answer.shape.join(' × ')}</span></figcaption>
          <Pictures shape={answer.shape} values={answer.x} range={range} lifted={null} marked={element} label={t.names.pictureOfInput(answer.shape.join(' × '))} {...wayOf(answer.shape)} />
          <p class="hint">{t.names.inputRange(range[0], range[1])}</p>
        </figure>
      )}
      <div>
        <div class="controls">
          <Choice<InputName> label={t.names.input} value={input.value} options={inputNames.map((name) => [name, t.names.inputs[name]])} choose={(next) => set({ input: next, at: null })} />
          {isRandom && <TextField label={t.names.shape} value={shapeText.value} change={(shape) => set({ shape })} failure={badShape ?? failure} />}
          {isRandom && <TextField label={t.seed} value={seedText.value} change={(next) => set({ seed: next })} width={6} />}
          {answer !== null && <ElementField shape={answer.shape} />}
        </div>
        {!isRandom && failure !== null && <ErrorText failure={failure} />}
        <p class="hint" data-testid="names-hint">{element === null || answer === null ? t.names.hint : t.names.lifted(indexText(element, answer.shape))}</p>
        <p class="caption">{t.names.mapping(RANGE)}</p>
        <div class="scale" aria-hidden="true"><span>{`−${RANGE}`}</span><span class="ramp" /><span>{RANGE}</span></div>
      </div>
    </div>
  );
}

/** The element whose sets are lifted: the keyboard's way to what the pointer does. */
function ElementField({ shape }: { readonly shape: readonly number[] }) {
  const t = texts.value.names;
  const isWrong = atText.value !== '' && elementOf(atText.value, shape) === null;
  const failure = isWrong ? { code: 'argument', message: t.badElement(atText.value, shape.map((extent) => extent - 1).join(', ')), data: {} } : null;
  return <TextField label={t.element} value={atText.value} change={(at) => set({ at })} width={12} failure={failure} />;
}

/** The element that is pointed at, or else kept. */
function active(shape: readonly number[]): number | null {
  return pointed.value ?? elementOf(atText.value, shape);
}

/** What the pointer does on every picture. */
function wayOf(shape: readonly number[]) {
  return {
    point: (over: number | null) => void (pointed.value = over),
    choose: (chosen: number) => {
      set({ at: indexText(chosen, shape) });
      announce(texts.value.names.lifted(indexText(chosen, shape)));
    },
  };
}

function Outputs({ answer }: { readonly answer: NamesAnswer }) {
  const { shape, layers } = answer;
  return <div class="gallery">{layers.map((layer) => <Output key={layer.key} layer={layer} shape={shape} element={active(shape)} />)}</div>;
}

interface OutputProps {
  readonly layer: NamedOutput;
  readonly shape: readonly number[];
  readonly element: number | null;
}

function Output({ layer, shape, element }: OutputProps) {
  const t = texts.value.names;
  const { key, name, data, y, sets, lowest, highest } = layer;
  const lifted = element === null ? null : { sets, set: sets[element] ?? 0 };
  const ends = [shown(lowest, 3), shown(highest, 3)] as const;
  return (
    <figure class="panel" data-testid={`output-${key}`}>
      <figcaption><code>{name}</code> <span class="hint">{t.notes[key]}</span></figcaption>
      <Pictures shape={shape} values={y} range={[-RANGE, RANGE]} lifted={lifted} marked={element} label={t.picture(name, data.count, data.elements, ...ends)} {...wayOf(shape)} />
      <p><b class="figure" data-testid={`means-${key}`}>{data.count}</b> {texts.value.who.means(data)}</p>
      <p class="hint">{t.setAndValues(t.setNames[key], ...ends)}</p>
      {lowest === 0 && highest === 0 && <p class="notice">{t.allZero}</p>}
    </figure>
  );
}

function Apartness({ answer }: { readonly answer: NamesAnswer }) {
  const t = texts.value;
  const { shape, layers, differences } = answer;
  const [a, b] = pair.value;
  const known = useJob('verdict', () => ({ a: pair.value[0], b: pair.value[1], shape: answer.shape }));
  const { answer: verdict, failure } = known.value;
  const [first, second] = [a, b].map((key) => layers.find((layer) => layer.key === key));
  const found = differences[namesakes.indexOf(a)]?.[namesakes.indexOf(b)];
  const usesPattern = a === 'pixel' || b === 'pixel';
  return (
    <section aria-labelledby="apart-title">
      <h2 id="apart-title">{t.names.apart}</h2>
      <Matrix answer={answer} a={a} b={b} choose={(row, column) => set({ pair: `${row}-${column}` })} />
      <p class="hint">{t.names.matrixKeys}</p>
      {failure !== null && <ErrorText failure={failure} />}
      {verdict !== null && first !== undefined && second !== undefined && found !== undefined && (
        <div class="panel pair" data-testid="pair">
          <h3><code>{first.name}</code> {t.names.beside} <code>{second.name}</code></h3>
          <p data-testid="pair-difference">{differenceText(found, first, second, shape)}</p>
          <p class={`verdict ${verdict.same ? 'same' : 'other'}`} data-testid="pair-verdict">
            <b>{verdict.same ? t.names.same : t.names.different}</b> {t.names.reason(verdict)}
          </p>
          <p><b>{t.names.parametersAre(t.names.parameterKinds[verdict.parameters])}</b> <span data-testid="pair-carry">{verdict.carry}</span></p>
          {verdict.differences.some((difference) => difference.in === 'eval' || difference.in === 'shape' || difference.in === 'eps') && (
            <ul>{verdict.differences.map((difference) => (['eval', 'shape', 'eps'].includes(difference.in) ? <li key={difference.in}>{difference.text}</li> : null))}</ul>
          )}
          {usesPattern && <p class="footnote">{t.names.patternNote(shape[1] ?? 1)}</p>}
          <CopyAs
            forms={[
              ['PyTorch', () => `${first.data.pytorch}\n${second.data.pytorch}\n`],
              ['evenkeel', () => `equivalent(${first.code}, ${second.code}, [${shape.join(', ')}]);\n`],
              [t.who.brackets, () => `${first.data.pattern}\n${second.data.pattern}\n`],
            ]}
          />
        </div>
      )}
    </section>
  );
}

function differenceText({ difference, at }: Apart, first: NamedOutput, second: NamedOutput, shape: readonly number[]): string {
  const t = texts.value.names;
  if (difference === 0) return t.equal;
  return t.differenceAt(shown(difference, 3), indexText(at, shape), shown(first.y[at] ?? NaN, 4), shown(second.y[at] ?? NaN, 4));
}

/** `0, 2, 30, 41`: the element of that index; null for what is none. */
function elementOf(text: string, shape: readonly number[]): number | null {
  const index = text.trim().replace(/^x?\[|\]$/g, '').split(/[\s,]+/).map((word) => (/^\d{1,6}$/.test(word) ? Number(word) : NaN));
  if (index.length !== shape.length || !index.every((i, axis) => i < (shape[axis] ?? 0))) return null;
  return index.reduce((flat, i, axis) => flat * (shape[axis] ?? 1) + i, 0);
}

function indexText(element: number, shape: readonly number[]): string {
  return indexOf(element, shape).join(', ');
}
