// A tensor of a norm in figures: sixteen bars, least and greatest, and what is no number. Imports texts and types.

import type { Histogram, InspectedTensor } from 'evenkeel/inspect';
import { shown } from '../parts/shownumber.js';
import { texts } from '../settings.js';

const [WIDTH, HEIGHT] = [104, 30];

export function Figures({ tensor }: { readonly tensor: InspectedTensor }) {
  const t = texts.value.model;
  const { key, min, max, nans, infinities, count, histogram } = tensor;
  return (
    <div class="figures">
      {histogram !== null && min !== max && <Bars histogram={histogram} label={key} />}
      <span>{min === null || max === null ? (count === 0 ? t.empty : '') : min === max ? t.all(shown(min, 3)) : `${shown(min, 3)} … ${shown(max, 3)}`}</span>
      {nans > 0 && <b class="bad">{t.nans(nans)}</b>}
      {infinities > 0 && <b class="bad">{t.infinities(infinities)}</b>}
    </div>
  );
}

/** As high as its count beside the greatest; a bin that has any stands above the ground. */
export function Bars({ histogram: { from, to, counts }, label }: { readonly histogram: Histogram; readonly label: string }) {
  const most = Math.max(1, ...counts);
  const step = WIDTH / counts.length;
  const bars = counts.map((count, i) => {
    const height = count === 0 ? 0 : Math.max(2, (count / most) * (HEIGHT - 2));
    return height === 0 ? '' : `M${(i * step + 0.5).toFixed(2)} ${HEIGHT - 1}v${(-height).toFixed(2)}h${(step - 1).toFixed(2)}v${height.toFixed(2)}z`;
  });
  return (
    <svg class="histogram" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img">
      <title>{texts.value.model.histogram(label, shown(from, 3), shown(to, 3), counts.join(', '))}</title>
      <path class="bars" d={bars.join('')} />
      {from < 0 && to > 0 && <line class="zero" x1={(-from / (to - from)) * WIDTH} x2={(-from / (to - from)) * WIDTH} y1={0} y2={HEIGHT} />}
      <line class="ground" x1={0} x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
    </svg>
  );
}
