// Many blocks one after another: the stream and the gradient of a placement, and the gradient with and without the residual.
// May import parts, route and settings.

import { computed, useComputed, useSignal, useSignalEffect, type ReadonlySignal } from '@preact/signals';
import type { Placement } from 'evenkeel/nn';
import { useJob } from '../client.js';
import { Choice, ErrorText, Slider } from '../parts/controls.js';
import { Legend, Plot, type PlotLine } from '../parts/plot.js';
import { shown } from '../parts/shownumber.js';
import { param, set } from '../route.js';
import { texts } from '../settings.js';
import { depthPlacements, depths } from '../worker/jobs/blockprograms.js';

const depthText = param('depth', '32');
const normText = param('norm', 'none');

export const depth = computed(() => Math.max(depths.least, Math.min(depths.most, Math.round(Number(depthText.value)) || depths.most)));
const norm = computed(() => depthPlacements.find((name) => name === normText.value) ?? 'none');

interface ByDepthProps {
  readonly placement: ReadonlySignal<Placement>;
  readonly scale: ReadonlySignal<string>;
  readonly seed: ReadonlySignal<number>;
}

export function ByDepth({ placement, scale, seed }: ByDepthProps) {
  const t = texts.value.blocks;
  return (
    <section class="depth" aria-label={t.depthTitle}>
      <h2>{t.depthTitle}</h2>
      <Slider label={t.depth} value={depth.value} least={depths.least} most={depths.most} change={(n) => set({ depth: n })} />
      <Residual seed={seed} />
      <Stack placement={placement} scale={scale} seed={seed} />
    </section>
  );
}

function Residual({ seed }: Pick<ByDepthProps, 'seed'>) {
  const t = texts.value.blocks;
  const { answer, failure } = useJob('gradients', () => ({ depth: depth.value, norm: norm.value, seed: seed.value })).value;
  const lines: PlotLine[] = answer === null ? [] : [
    { name: t.residual, stroke: 'first', values: answer.residual, from: 0 },
    { name: t.plain, stroke: 'second', values: answer.plain, from: 0 },
  ];
  return (
    <section aria-label={t.residualTitle}>
      <h3>{t.residualTitle}</h3>
      <p>{t.residualText}</p>
      <div class="controls">
        <Choice label={t.norm} value={norm.value} options={depthPlacements.map((name) => [name, t.norms[name]])} choose={(name) => set({ norm: name })} />
      </div>
      {failure !== null && <ErrorText failure={failure} />}
      {answer !== null && (
        <>
          <Legend lines={lines} label={t.legend} />
          <Plot title={t.gradientPlot(answer.residual.length)} lines={lines} last={answer.residual.length - 1} isLog />
          <p class="hint">{t.gradientPlot(answer.residual.length)}</p>
          <p data-testid="residual-figures">
            {t.residualFigures(answer.residual.length, shown(answer.residual[0] ?? NaN, 3), shown(answer.plain[0] ?? NaN, 3))}
          </p>
        </>
      )}
    </section>
  );
}

function Stack({ placement, scale, seed }: ByDepthProps) {
  const t = texts.value.blocks;
  const asked = useComputed(() => ({ placement: placement.value, depth: depth.value, scale: Number(scale.value), seed: seed.value }));
  const settled = useSettled(asked, 150);
  const { answer, failure } = useJob('stack', () => settled.value).value;
  if (failure !== null) return <ErrorText failure={failure} />;
  if (answer === null) return <p class="busy">{texts.value.loading}</p>;
  const { stream, gradient } = answer;
  const name = t.names[answer.placement];
  return (
    <div class="plots">
      <section aria-label={t.streamTitle(name)}>
        <h3>{t.streamTitle(name)}</h3>
        <Plot title={t.streamPlot(gradient.length)} lines={[{ name, stroke: 'first', values: stream, from: 0 }]} last={gradient.length} />
        <p class="hint">{t.streamPlot(gradient.length)}</p>
        <p data-testid="stack-stream">{t.streamText(shown(stream[0] ?? NaN, 3), shown(stream.at(-1) ?? NaN, 3))}</p>
      </section>
      <section aria-label={t.gradientTitle(name)}>
        <h3>{t.gradientTitle(name)}</h3>
        <Plot title={t.gradientPlot(gradient.length)} lines={[{ name, stroke: 'first', values: gradient, from: 0 }]} last={gradient.length - 1} />
        <p class="hint">{t.gradientPlot(gradient.length)}</p>
        <p data-testid="stack-gradient">{t.gradientText(shown(gradient[0] ?? NaN, 3))}</p>
      </section>
    </div>
  );
}

/** A signal once it has stood still: each question to the worker takes longer than a slider's step. */
function useSettled<T>(source: ReadonlySignal<T>, millis: number): ReadonlySignal<T | null> {
  const settled = useSignal<T | null>(null);
  useSignalEffect(() => {
    const value = source.value;
    const timer = setTimeout(() => void (settled.value = value), millis);
    return () => clearTimeout(timer);
  });
  return settled;
}
