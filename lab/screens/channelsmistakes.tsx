// Mistakes with the channel axis that run or fail, each with its error and its mend. May import the page's own files.

import type { ErrorExplanation } from 'evenkeel';
import { useJob } from '../client.js';
import { ErrorText } from '../parts/controls.js';
import { error } from '../parts/shownumber.js';
import { texts } from '../settings.js';
import type { MistakesAnswer } from '../worker/jobs/channels.js';
import { AxisRow } from './channelsaxes.js';
import { explainHere } from './channelserror.js';

export function Mistakes() {
  const t = texts.value.channels;
  const known = useJob('mistakes', () => ({}));
  const { answer, failure } = known.value;
  return (
    <section aria-labelledby="mistakes-title">
      <h2 id="mistakes-title">{t.mistakes}</h2>
      {failure !== null && <ErrorText failure={failure} />}
      {answer !== null && (
        <div class="mistake-panels">
          <Weight mistake={answer.weight} />
          <Batch mistake={answer.batch} />
          <ConvNeXt axes={answer.convnext} />
        </div>
      )}
    </section>
  );
}

function Weight({ mistake: { shape, explanation, difference } }: { readonly mistake: MistakesAnswer['weight'] }) {
  const t = texts.value.channels;
  const [, channels = 0, height = 0, width = 0] = shape;
  return (
    <section class="panel" aria-labelledby="weight-title" data-testid="weight">
      <h3 id="weight-title">{t.weight}</h3>
      <p>{t.weightText}</p>
      <pre><code>{`# x ${shape.join('×')}, weight and bias ${channels}\nF.layer_norm(x, x.shape[1:], self.weight, self.bias)`}</code></pre>
      <Refused explanation={explanation} />
      <h4>{t.mends}</h4>
      <pre><code>{`F.group_norm(x, 1, self.weight, self.bias)\n\n# ${t.orOwnWeight}\nself.weight = nn.Parameter(torch.ones(${channels}, ${height}, ${width}))`}</code></pre>
      <p>{t.mendsDifference} <b data-testid="weight-difference">{error(difference)}</b></p>
    </section>
  );
}

function Batch({ mistake: { shape, explanation, silent, mended, difference } }: { readonly mistake: MistakesAnswer['batch'] }) {
  const t = texts.value.channels;
  const [, length = 0, channels = 0] = shape;
  return (
    <section class="panel" aria-labelledby="batch-title" data-testid="batch">
      <h3 id="batch-title">{t.batch}</h3>
      <p>{t.batchText}</p>
      <pre><code>{`# x ${shape.join('×')}\nnn.BatchNorm1d(${channels})(x)`}</code></pre>
      <Refused explanation={explanation} />
      <p class="notice">{t.batchSilent(silent.name, silent.count, silent.elements, length)}</p>
      <h4>{t.mends}</h4>
      <pre><code>{`nn.BatchNorm1d(${channels})(x.transpose(1, 2)).transpose(1, 2)`}</code></pre>
      <p>{t.batchMended(mended.pattern, mended.count, mended.elements)} <b data-testid="batch-difference">{error(difference)}</b></p>
    </section>
  );
}

function ConvNeXt({ axes: { block, sample } }: { readonly axes: MistakesAnswer['convnext'] }) {
  const t = texts.value.channels;
  const names = ['N', 'C', 'H', 'W'];
  return (
    <section class="panel" aria-labelledby="convnext-title" data-testid="convnext">
      <h3 id="convnext-title">{t.convnext}</h3>
      <div class="two">
        <div>
          <p>{t.convnextText}</p>
          <AxisRow shape={block.shape} names={names} axes={['none', 'all', 'none', 'none']} />
          <p><b class="figure" data-testid="convnext-count">{block.count}</b> {texts.value.who.means(block)}</p>
        </div>
        <div>
          <p>{t.convnextNot(sample.name)}</p>
          <AxisRow shape={sample.shape} names={names} axes={['none', 'all', 'all', 'all']} />
          <p><b class="figure">{sample.count}</b> {texts.value.who.means(sample)}</p>
        </div>
      </div>
    </section>
  );
}

/** The error as it is raised, what it means, and the way to all that is known of it. */
function Refused({ explanation: { message, meaning } }: { readonly explanation: ErrorExplanation }) {
  const t = texts.value.channels;
  return (
    <>
      <pre class="error">{message}</pre>
      {meaning.map((sentence) => <p key={sentence}>{sentence}</p>)}
      <button type="button" onClick={() => explainHere(message)}>{t.explainIt}</button>
    </>
  );
}
