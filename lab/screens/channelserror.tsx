// A pasted PyTorch error: what it means, its numbers, and the ways out as code. May import the page's own files.

import type { ErrorFix, ExplainData, Fact } from 'evenkeel';
import { useId } from 'preact/hooks';
import { useJob } from '../client.js';
import { ErrorText } from '../parts/controls.js';
import { CopyAs } from '../parts/copyas.js';
import { axisNames } from '../parts/shape.js';
import { param, set } from '../route.js';
import { texts } from '../settings.js';

const examples: readonly (readonly [name: string, text: string])[] = [
  ['LayerNorm, N C H W', 'RuntimeError: Given normalized_shape=[96], expected input with shape [*, 96], but got input of size[100, 96, 8, 8]'],
  ['LayerNorm, weight', 'RuntimeError: Expected weight to be of same shape as normalized_shape, but got weight of shape [96] and normalized_shape = [96, 8, 8]'],
  ['BatchNorm, N L C', 'RuntimeError: running_mean should contain 16 elements not 32'],
  ['BatchNorm2d, C H W', 'ValueError: expected 4D input (got 3D input)'],
  ['BatchNorm, 1 × C', 'ValueError: Expected more than 1 value per channel when training, got input size torch.Size([1, 512])'],
  ['GroupNorm, N H W C', 'RuntimeError: Expected weight to be a vector of size equal to the number of channels in input, but got weight of shape [96] and input of shape [2, 8, 8, 96]'],
  ['LayerNorm2d', 'AssertionError: LayerNorm2d only supports inputs with shape (N, C, H, W), but got tensor with shape torch.Size([2, 49, 96])'],
];

const errorText = param('error', examples[0]?.[1] ?? '');

/** A field that was emptied: without a param it would be the first example again. */
const CLEARED = ' ';

/** Puts an error into the field, and goes there. */
export function explainHere(text: string): void {
  set({ error: text });
  document.querySelector<HTMLElement>('#pasted-error')?.scrollIntoView({ block: 'start' });
  document.querySelector<HTMLElement>('#pasted-error textarea')?.focus({ preventScroll: true });
}

export function PastedError() {
  const t = texts.value.channels;
  const id = useId();
  const known = useJob('explained', () => (errorText.value === CLEARED ? null : { text: errorText.value }));
  const isCleared = errorText.value === CLEARED;
  const answer = isCleared ? null : known.value.answer;
  const failure = isCleared ? null : known.value.failure;
  return (
    <section id="pasted-error" aria-labelledby="pasted-title">
      <h2 id="pasted-title">{t.pasted}</h2>
      <div class="control wide">
        <label for={id}>{t.pastedLabel}</label>
        <textarea
          id={id} rows={3} spellcheck={false} value={isCleared ? '' : errorText.value} aria-invalid={failure !== null}
          aria-describedby={failure === null ? undefined : `${id}-error`} onInput={({ currentTarget }) => set({ error: currentTarget.value || CLEARED })}
        />
        {failure !== null && <ErrorText id={`${id}-error`} failure={failure} />}
      </div>
      <div class="controls" role="group" aria-label={t.examples}>
        <span class="hint">{t.examples}</span>
        {examples.map(([name, text]) => (
          <button key={name} type="button" aria-pressed={text === errorText.value} onClick={() => set({ error: text })}>{name}</button>
        ))}
      </div>
      {answer !== null && failure === null && (
        <div class="panel finding" data-testid="finding">
          <p class="mono recognized">{answer.message}</p>
          <h3>{t.meaning}</h3>
          {answer.meaning.map((sentence) => <p key={sentence} data-testid="meaning">{sentence}</p>)}
          {answer.explanation !== null && <p>{answer.explanation.name}: {summaryOf(answer.explanation)}</p>}
          <h3>{t.facts}</h3>
          <div class="scroll" role="group" tabIndex={0} aria-label={t.facts}>
            <table>
              <tbody>
                <tr><th scope="row">{t.kind}</th><td data-testid="kind">{t.kinds[answer.kind]}</td></tr>
                {answer.layer !== null && <tr><th scope="row">{t.layer}</th><td><code>{answer.layer}</code></td></tr>}
                {Object.entries(answer.facts).map(([name, fact]) => (
                  <tr key={name}><th scope="row"><code>{name}</code></th><td class="mono" data-testid={`fact-${name}`}>{factText(fact)}</td></tr>
                ))}
              </tbody>
            </table>
          </div>
          <h3>{t.waysOut}</h3>
          <ol class="fixes">{answer.fixes.map((fix) => <Fix key={fix.text} fix={fix} />)}</ol>
          <CopyAs forms={[[t.asText, () => answer.text]]} />
        </div>
      )}
    </section>
  );
}

function Fix({ fix: { text, pytorch, evenkeel, explanation } }: { readonly fix: ErrorFix }) {
  return (
    <li>
      <p>{text}</p>
      {explanation !== null && <p class="hint">{summaryOf(explanation)}</p>}
      {(pytorch !== null || evenkeel !== null) && (
        <dl class="code-lines">
          {pytorch !== null && <><dt>PyTorch</dt><dd><code>{pytorch}</code></dd></>}
          {evenkeel !== null && <><dt>evenkeel</dt><dd><code>{evenkeel}</code></dd></>}
        </dl>
      )}
    </li>
  );
}

function summaryOf(data: ExplainData): string {
  // A way out may have moved the axes: they have no names here.
  return texts.value.summary(data, axisNames('plain', data.shape.length, texts.value.axis));
}

function factText(fact: Fact): string {
  return Array.isArray(fact) ? fact.join(typeof fact[0] === 'number' ? ' × ' : ', ') : String(fact);
}
