// The ConvNeXt block: its shapes at each step, and which elements its LayerNorm averages. May import parts, field and route.

import { computed, useComputed, useSignal, type ReadonlySignal } from '@preact/signals';
import { useJob } from '../client.js';
import { Field } from '../field/field.js';
import { indexOf } from '../field/geometry.js';
import { Choice, ErrorText } from '../parts/controls.js';
import { error, shown } from '../parts/shownumber.js';
import { param, set } from '../route.js';
import { texts } from '../settings.js';
import type { ConvNeXtAnswer } from '../worker/jobs/convnext.js';

const gammaText = param('layerscale', '1e-6');
const gammas = ['1e-6', '0.1', '1'] as const;
const gamma = computed(() => gammas.find((n) => n === gammaText.value) ?? '1e-6');

export function ConvNeXtSection({ seed }: { readonly seed: ReadonlySignal<number> }) {
  const t = texts.value.blocks;
  const { answer, failure } = useJob('convnext', () => ({ gamma: Number(gamma.value), seed: seed.value })).value;
  return (
    <section aria-label={t.convnextTitle}>
      <h2>{t.convnextTitle}</h2>
      <p>{t.convnextText}</p>
      <div class="controls">
        <Choice label={t.gamma} value={gamma.value} options={gammas.map((n) => [n, n])} choose={(n) => set({ layerscale: n })} />
      </div>
      {failure !== null && <ErrorText failure={failure} />}
      {answer !== null && (
        <div class="convnext">
          <Steps answer={answer} />
          <Averages answer={answer} />
        </div>
      )}
    </section>
  );
}

/** Between the two moves the channels are the last axis. */
const firsts: readonly string[] = ['x', 'dwconv', 'first', 'add'];

function Steps({ answer: { steps, apart } }: { readonly answer: ConvNeXtAnswer }) {
  const t = texts.value.blocks;
  return (
    <div class="steps">
      <div class="scroll" role="group" tabIndex={0} aria-label={t.convnextTitle}>
        <table class="numbers">
          <thead>
            <tr>
              <th scope="col">{t.step}</th><th scope="col">{t.layout}</th><th scope="col">{t.shape}</th>
              <th scope="col" class="number">{t.parameters}</th><th scope="col" class="number">{t.rms}</th>
            </tr>
          </thead>
          <tbody>
            {steps.map(({ step, shape, rms, parameters }) => (
              <tr key={step} class={step === 'norm' ? 'chosen' : ''}>
                <th scope="row">{t.convnextSteps[step]}</th>
                <td class="mono">{t.axes[firsts.includes(step) ? 'first' : 'last']}</td>
                <td class="mono" data-testid={`shape-${step}`}>{shape.join('×')}</td>
                <td class="number">{parameters === 0 ? '' : parameters}</td>
                <td class="number" data-testid={`convnext-${step}`}>{shown(rms, 5)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="hint" data-testid="convnext-apart">{t.convnextApart(error(apart))}</p>
    </div>
  );
}

function Averages({ answer: { sets, shape, pixel, image, differ } }: { readonly answer: ConvNeXtAnswer }) {
  const t = texts.value.blocks;
  const selected = useSignal<number | null>(null);
  const subject = { text: `nn.${pixel.name}`, sizes: '' };
  const known = useJob('sentence', () => (selected.value === null ? null : { subject, shape, index: indexOf(selected.value, shape) })).value.answer;
  const names = ['N', 'C', 'H', 'W'];
  const sentence = known === null ? null : texts.value.element(known, names);
  const labels = useComputed(() => (element: number) => `c${indexOf(element, shape)[1] ?? 0}`);
  return (
    <section aria-label={t.averagesTitle}>
      <h3>{t.averagesTitle}</h3>
      <p data-testid="averages"><b>{t.averages(pixel.means, pixel.elements)}</b> {t.averagesImage(image.name, image.means, image.elements, shown(differ, 3))}</p>
      <Field shape={shape} sets={sets} labels={labels.value} axisNames={names} selected={selected} sentence={sentence} label={pixel.name} />
      <p class="sentence">{sentence ?? ''}</p>
    </section>
  );
}
