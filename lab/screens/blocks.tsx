// 7. Blocks: where the norms of a residual block stand, run step by step; the gradient by depth; the ConvNeXt block.

import { computed } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { useJob } from '../client.js';
import { Choice, ErrorText, Takeaway, TextField } from '../parts/controls.js';
import { CopyAs } from '../parts/copyas.js';
import { error, shown } from '../parts/shownumber.js';
import { param, set } from '../route.js';
import { texts } from '../settings.js';
import { formulaOf, placements } from '../worker/jobs/blockprograms.js';
import type { BlockAnswer } from '../worker/jobs/blocks.js';
import { BlockDiagram, pictureOf } from './blockdiagram.js';
import { blockProgram } from './blockprogram.js';
import { ByDepth, depth } from './blockdepth.js';
import { ConvNeXtSection } from './convnextblock.js';
import './blocks.css';

const placementText = param('placement', 'post');
const scaleText = param('scale', '1');
const seedText = param('seed', '0');

const scales = ['0.1', '1', '10', '100'] as const;

const placement = computed(() => placements.find((name) => name === placementText.value) ?? 'post');
const scale = computed(() => scales.find((n) => n === scaleText.value) ?? '1');
const seed = computed(() => Number(seedText.value) || 0);

export function Content() {
  const t = texts.value;
  return (
    <>
      <p class="lead">{t.blocks.lead}</p>
      <Placements />
      <Run />
      <ByDepth placement={placement} scale={scale} seed={seed} />
      <ConvNeXtSection seed={seed} />
      <Takeaway title={t.takeaway}>{t.blocks.takeaway}</Takeaway>
    </>
  );
}

function Placements() {
  const t = texts.value.blocks;
  return (
    <fieldset class="placements">
      <legend>{t.choose}</legend>
      {placements.map((name) => (
        <label key={name} class={name === placement.value ? 'placement chosen' : 'placement'}>
          <BlockDiagram placement={name} rms={null} title={null} />
          <span><input type="radio" name="placement" value={name} checked={name === placement.value} onChange={() => set({ placement: name })} /> <b>{t.names[name]}</b></span>
          <small>{t.users[name]}</small>
        </label>
      ))}
    </fieldset>
  );
}

function Run() {
  const t = texts.value.blocks;
  // The depth matters to DeepNorm's constants alone.
  const known = useJob('block', () => ({
    placement: placement.value, depth: placement.value === 'deepnorm' ? depth.value : 2, scale: Number(scale.value), seed: seed.value,
  }));
  const { answer, failure } = known.value;
  const flow = useRef<HTMLDivElement>(null);
  const program = (language: 'python' | 'typescript'): string =>
    blockProgram({ placement: placement.value, depth: depth.value, scale: scale.value, seed: seed.value }, language);
  return (
    <section aria-label={t.run}>
      <h2>{t.run}</h2>
      <p data-testid="about">{t.about[placement.value]}</p>
      <div class="controls">
        <Choice label={t.scale} value={scale.value} options={scales.map((n) => [n, n])} choose={(n) => set({ scale: n })} />
        <TextField label={t.seed} value={seedText.value} change={(next) => set({ seed: next })} width={5} />
      </div>
      {failure !== null && <ErrorText failure={failure} />}
      {answer !== null && (
        <div class="flow" ref={flow}>
          <BlockDiagram placement={answer.placement} rms={new Map(answer.steps.map((step) => [step.name, step.rms]))} title={t.diagram(t.names[answer.placement])} />
          <Steps answer={answer} />
        </div>
      )}
      <CopyAs
        forms={[
          ['PyTorch', () => program('python')],
          ['evenkeel', () => program('typescript')],
          ['SVG', () => pictureOf(flow.current?.querySelector('svg') ?? null)],
        ]}
      />
    </section>
  );
}

/** The diagram in words and numbers. */
function Steps({ answer: { steps, apart, alpha, placement: name } }: { readonly answer: BlockAnswer }) {
  const t = texts.value.blocks;
  return (
    <div class="steps">
      <div class="scroll" role="group" tabIndex={0} aria-label={t.diagram(t.names[name])}>
        <table class="numbers">
          <thead>
            <tr><th scope="col">{t.step}</th><td /><th scope="col">{t.shape}</th><th scope="col" class="number">{t.rms}</th></tr>
          </thead>
          <tbody>
            {steps.map((step) => (
              <tr key={step.name} class={step.column === 'stream' ? 'stream' : ''}>
                <th scope="row"><code>{formulaOf(step)}</code></th>
                <td class="what">{t.operations[step.operation]} {step.column === 'stream' && <span class="hint">({t.stream})</span>}</td>
                <td class="mono">{step.shape.join('×')}</td>
                <td class="number" data-testid={`rms-${step.name}`}>{shown(step.rms, 5)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="hint">{alpha !== null && t.alpha(shown(alpha), depth.value)} <span data-testid="block-apart">{t.apart(error(apart))}</span></p>
    </div>
  );
}

