// A layer on a shape: which axes it averages, and what was meant. May import the page's own files.

import { computed } from '@preact/signals';
import { useJob } from '../client.js';
import { TextField } from '../parts/controls.js';
import { CopyAs } from '../parts/copyas.js';
import { axisNames, parseShape } from '../parts/shape.js';
import { shown } from '../parts/shownumber.js';
import { param, set } from '../route.js';
import { texts } from '../settings.js';
import type { AveragesAnswer } from '../worker/jobs/channels.js';
import { AxisRow } from './channelsaxes.js';
import { explainHere } from './channelserror.js';

const layerText = param('layer', 'nn.LayerNorm(8)');
const shapeText = param('shape', '100x96x8x8');
const shape = computed(() => parseShape(shapeText.value));

const suggestions = [
  'nn.LayerNorm(8)', 'nn.LayerNorm(96)', 'nn.LayerNorm([96, 8, 8])', 'LayerNorm2d(96)', 'nn.GroupNorm(1, 96)', 'nn.GroupNorm(6, 96)',
  'nn.InstanceNorm2d(96)', 'nn.BatchNorm2d(96)',
];

export function Averages() {
  const t = texts.value.channels;
  const known = useJob('averages', () => (shape.value === null ? null : { layer: layerText.value, shape: shape.value }));
  const { answer, failure } = known.value;
  const badShape = shape.value === null ? { code: 'shape', message: texts.value.who.badShape(shapeText.value), data: {} } : null;
  const isTorch = failure !== null && (failure.code === 'shape' || failure.code === 'rank' || failure.code === 'size');
  return (
    <section aria-labelledby="averages-title">
      <h2 id="averages-title">{t.averages}</h2>
      <p class="lead">{t.averagesLead}</p>
      <div class="controls">
        <TextField label={t.layer} value={layerText.value} change={(layer) => set({ layer })} width={26} options={suggestions} isPattern failure={failure} />
        <TextField label={t.shape} value={shapeText.value} change={(next) => set({ shape: next })} failure={badShape} />
        {isTorch && <button type="button" onClick={() => explainHere(failure.message)}>{t.explainIt}</button>}
      </div>
      {answer !== null && <Averaged answer={answer} />}
    </section>
  );
}

function Averaged({ answer }: { readonly answer: AveragesAnswer }) {
  const t = texts.value.channels;
  const { data, axes, meant } = answer;
  const names = axisNames(data.shape.length === 3 ? 'sequence' : 'image', data.shape.length, texts.value.axis);
  return (
    <div class="panel">
      <AxisRow shape={data.shape} names={names} axes={axes} />
      <p><b class="figure" data-testid="averages-count">{data.count}</b> {texts.value.who.means(data)}</p>
      <p class="hint" data-testid="averages-sentence">{texts.value.summary(data, names)}</p>
      {meant.length > 0 && (
        <div class="scroll" role="group" tabIndex={0} aria-label={t.meant}>
          <table>
            <caption class="caption">{t.meant}</caption>
            <thead><tr><th scope="col">{t.layer}</th><th scope="col" class="number">{t.meansColumn}</th><th scope="col" class="number">{t.elementsColumn}</th><th scope="col">{t.averagedOver}</th><th scope="col" class="number">{t.apart}</th></tr></thead>
            <tbody>
              {meant.map((one) => (
                <tr key={one.key}>
                  <th scope="row"><code>{one.data.name}</code></th>
                  <td class="number" data-testid={`meant-${one.key}`}>{one.data.count}</td>
                  <td class="number">{one.data.elements}</td>
                  <td>{t.meantAs[one.key]}</td>
                  <td class="number" data-testid={`meant-difference-${one.key}`}>{one.difference === null ? t.notComputed : shown(one.difference, 3)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <CopyAs forms={[['PyTorch', () => data.pytorch], [texts.value.who.brackets, () => data.pattern]]} />
    </div>
  );
}
