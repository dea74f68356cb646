// "LayerNorm is InstanceNorm": the worked example, its equal numbers, and why it is not so in general.
// May import the page's own files.

import { useJob } from '../client.js';
import { ErrorText } from '../parts/controls.js';
import { CopyAs } from '../parts/copyas.js';
import { error } from '../parts/shownumber.js';
import { texts, theme } from '../settings.js';
import { colourOf } from '../field/colours.js';

const pytorch = (seed: number) => [
  `torch.manual_seed(${seed}); x = torch.randn(2, 3, 4)`,
  'nn.LayerNorm(4)(x)',
  'nn.InstanceNorm2d(3)(x.reshape(2, 3, 4, 1)).reshape(2, 3, 4)',
].join('\n');

const evenkeel = (seed: number) => [
  `manualSeed(${seed}); const x = randn([2, 3, 4]);`,
  'new LayerNorm(4).forward(x);',
  'new InstanceNorm2d(3).forward(x.reshape([2, 3, 4, 1])).reshape([2, 3, 4]);',
].join('\n');

export function Worked({ seed }: { readonly seed: () => number }) {
  const t = texts.value.names;
  const known = useJob('worked', () => ({ seed: seed() }));
  const { answer, failure } = known.value;
  return (
    <section aria-labelledby="worked-title">
      <h2 id="worked-title">{t.worked}</h2>
      <p class="lead">{t.workedLead}</p>
      {failure !== null && <ErrorText failure={failure} />}
      {answer !== null && (
        <>
          <div class="twins">
            <Sets title="x" values={answer.x} label={t.workedTables.x} />
            <Sets title="LayerNorm(4)" values={answer.layerNorm} label={t.workedTables.layerNorm} id="worked-layer" />
            <Sets title="InstanceNorm2d(3)" values={answer.instanceNorm} label={t.workedTables.instanceNorm} id="worked-instance" />
          </div>
          <p>{t.largest} <span class="figure" data-testid="worked-difference">{error(answer.difference)}</span></p>
          <p class="verdict same" data-testid="worked-verdict"><b>{t.same}</b> {t.reason(answer.verdict)}</p>
          <pre><code>{pytorch(seed())}</code></pre>
          <CopyAs forms={[['PyTorch', () => pytorch(seed())], ['evenkeel', () => evenkeel(seed())]]} />
          <h3>{t.notInGeneral}</h3>
          <dl class="reasons">
            <dt>{t.anAxisMore}</dt>
            <dd><p class="verdict other" data-testid="worked-image"><b>{t.different}</b> {t.reason(answer.image)}</p></dd>
            <dt>{t.withParameters}</dt>
            <dd><p><b>{t.parametersAre(t.parameterKinds[answer.affine.parameters])}</b> {answer.affine.carry}</p></dd>
          </dl>
        </>
      )}
    </section>
  );
}

interface SetsProps {
  readonly title: string;
  readonly values: Float32Array;
  readonly label: string;
  readonly id?: string;
}

/** Six sets of four, a row each: the same colour is the same set in all tables. */
function Sets({ title, values, label, id }: SetsProps) {
  return (
    <figure>
      <figcaption><code>{title}</code> <span class="hint">{label}</span></figcaption>
      <table class="twin" data-testid={id}>
        <tbody>
          {[0, 1, 2, 3, 4, 5].map((set) => (
            <tr key={set}>
              <th scope="row"><span class="swatch" style={{ background: colourOf(set, theme.value) }} />{`${Math.floor(set / 3)}, ${set % 3}`}</th>
              {[0, 1, 2, 3].map((i) => <td key={i} class="number">{(values[4 * set + i] ?? NaN).toFixed(4).replace('-', '−')}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}
