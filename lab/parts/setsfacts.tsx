// What is said of a layer's sets, and the picture of them: on the first screen, and wherever a layer is looked at.

import type { ExplainData } from 'evenkeel';
import { blockLayout } from '../field/geometry.js';
import { svgOf } from '../field/svg.js';
import { texts, theme } from '../settings.js';
import type { Drawn } from '../worker/jobs/sets.js';

/** The pattern, its parameters, its plan of six integers, the layer in PyTorch, and what has the same sets. */
export function Facts({ data }: { readonly data: ExplainData }) {
  const t = texts.value;
  const { weight, bias } = data.parameters;
  const parts = [weight && `weight ${weight.join('×')}`, bias && `bias ${bias.join('×')}`].filter((part) => part !== null);
  return (
    <div class="scroll">
      <table>
        <tbody>
          <tr><th scope="row">{t.who.brackets}</th><td><code>{data.pattern}</code></td></tr>
          <tr><th scope="row">{t.who.parameters}</th><td data-testid="parameters">{parts.join(', ') || t.who.none}</td></tr>
          <tr><th scope="row">{t.who.plan}</th><td class="mono" data-testid="plan">{Object.entries(data.plan).map(([name, n]) => `${name} ${n}`).join(', ')}</td></tr>
          <tr><th scope="row">PyTorch</th><td><code>{data.pytorch}</code></td></tr>
          <tr><th scope="row">{t.who.same}</th><td>{data.equivalents.map(({ name }) => name).join(', ') || t.who.none}</td></tr>
        </tbody>
      </table>
    </div>
  );
}

/** Forms for CopyAs: the picture, where something is drawn. */
export function pictureForms(drawn: Drawn | null, labels: (element: number) => string, title: string): [name: string, text: () => string][] {
  if (drawn === null) return [];
  return [['SVG', () => svgOf(blockLayout(drawn.shape, 900), { sets: drawn.sets, labels, theme: theme.value }, title)]];
}
