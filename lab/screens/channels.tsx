// 3. Where is my channel axis: channels first and last in memory, the layers that average another axis than was meant, and
// what PyTorch's shape errors say.

import { computed, signal } from '@preact/signals';
import { useJob } from '../client.js';
import { Choice, ErrorText, Takeaway } from '../parts/controls.js';
import { Pictures } from '../parts/pictures.js';
import { SetsFold } from '../parts/setsfold.js';
import { error } from '../parts/shownumber.js';
import { param, set } from '../route.js';
import { language, texts } from '../settings.js';
import type { LayoutsAnswer, Route } from '../worker/jobs/channels.js';
import { layoutNames, type LayoutName } from '../worker/jobs/layoutnames.js';
import { Averages } from './channelsaverages.js';
import { PastedError } from './channelserror.js';
import { Mistakes } from './channelsmistakes.js';
import { InPlace, Permuted, PIXELS } from './channelsstrips.js';
import './channels.css';

const layoutText = param('layout', 'first');
const pixelText = param('pixel', '2');

const layout = computed<LayoutName>(() => layoutNames.find((name) => name === layoutText.value) ?? 'first');
const pixel = computed(() => Math.min(PIXELS - 1, Math.max(0, Math.floor(Number(pixelText.value)) || 0)));

/** The pixel that the pointer is over. */
const pointed = signal<number | null>(null);

export function Content() {
  const t = texts.value;
  return (
    <>
      <p class="lead">{t.channels.lead}</p>
      <Memory />
      <Averages />
      <Mistakes />
      <PastedError />
      <SetsFold layer="nn.LayerNorm(8)" shape={[2, 3, 8, 8]} names={['N', 'C', 'H', 'W']} />
      <Takeaway title={t.takeaway}>{t.channels.takeaway}</Takeaway>
    </>
  );
}

function choose(next: number): void {
  set({ pixel: String(next) });
}

function Memory() {
  const t = texts.value.channels;
  const known = useJob('layouts', () => ({ layout: layout.value }));
  const { answer, failure } = known.value;
  const shownPixel = pointed.value ?? pixel.value;
  const strips = { layout: layout.value, pixel: shownPixel, choose, point: (over: number | null) => void (pointed.value = over) };
  const isFirst = layout.value === 'first';
  return (
    <section aria-labelledby="memory-title">
      <h2 id="memory-title">{t.memory}</h2>
      <div class="controls">
        <Choice<LayoutName> label={t.layout} value={layout.value} options={layoutNames.map((name) => [name, t.layouts[name]])} choose={(next) => set({ layout: next === 'first' ? null : next })} />
        <label>
          {t.pixel(pixel.value)}
          <input type="range" min={0} max={PIXELS - 1} value={pixel.value} onInput={({ currentTarget }) => choose(Number(currentTarget.value))} />
        </label>
      </div>
      <div class="panel strip-panel">
        <h3><code>{isFirst ? 'LayerNorm2d(3)' : 'LayerNorm(3)'}</code> {t.inPlace}</h3>
        <InPlace {...strips} />
        <p class="hint" data-testid="reach">{t.reach(shownPixel, isFirst ? PIXELS : 1)}</p>
      </div>
      <div class="panel strip-panel">
        <h3><code>permute</code> → <code>{isFirst ? 'LayerNorm(3)' : 'LayerNorm2d(3)'}</code> → <code>permute</code></h3>
        <Permuted {...strips} />
        <p class="hint">{t.copies}</p>
      </div>
      {failure !== null && <ErrorText failure={failure} />}
      {answer !== null && <Measured answer={answer} />}
    </section>
  );
}

/** The same on a photograph, counted and timed. */
function Measured({ answer }: { readonly answer: LayoutsAnswer }) {
  const t = texts.value.channels;
  const { shape, x, y, inPlace, permuted, difference } = answer;
  const size = shape.join(' × ');
  return (
    <div class="measured">
      <figure>
        <figcaption><code>x</code> <span class="hint">{size}</span></figcaption>
        <Pictures shape={shape} values={x} range={[0, 1]} lifted={null} marked={null} label={t.photo(size)} />
      </figure>
      <figure>
        <figcaption><code>y</code> <span class="hint">{t.both}</span></figcaption>
        <Pictures shape={shape} values={y} range={[-1.5, 1.5]} lifted={null} marked={null} label={t.photoOut(inPlace.data.count)} />
      </figure>
      <div class="scroll" role="group" tabIndex={0} aria-label={t.measured}>
        <table>
          <caption class="caption">{t.measured}</caption>
          <thead><tr><th scope="col">{t.route}</th><th scope="col" class="number">{t.meansColumn}</th><th scope="col" class="number">{t.copied}</th></tr></thead>
          <tbody>
            <Measure route={inPlace} id="in-place" />
            <Measure route={permuted} id="permuted" />
          </tbody>
        </table>
        <p>{t.routesDifference} <b data-testid="routes-difference">{error(difference)}</b></p>
        <p class="footnote">{t.viewNote}</p>
      </div>
    </div>
  );
}

function Measure({ route, id }: { readonly route: Route; readonly id: string }) {
  return (
    <tr>
      <th scope="row"><code>{route.code}</code></th>
      <td class="number" data-testid={`${id}-means`}>{route.data.count}</td>
      <td class="number" data-testid={`${id}-copied`}>{route.copied.toLocaleString(language.value)}</td>
    </tr>
  );
}
