// The field on every screen: who shares a mean in the layer that the screen is about, folded away until it is asked for.

import { useSignal } from '@preact/signals';
import { useJob } from '../client.js';
import { Field } from '../field/field.js';
import { param, set } from '../route.js';
import { texts } from '../settings.js';
import { TextField } from './controls.js';
import { CopyAs } from './copyas.js';
import { useElementSet } from './elementset.js';
import { Facts, pictureForms } from './setsfacts.js';

/** In the address: whether it is open, and the layer or pattern where it was edited. */
const isOpen = param('sets', '');
const edited = param('setslayer', '');

interface SetsFoldProps {
  /** What the screen is about, as PyTorch writes it, or a pattern. */
  readonly layer: string;
  readonly shape: readonly number[];
  readonly names: readonly string[];
}

export function SetsFold({ layer, shape, names }: SetsFoldProps) {
  const t = texts.value;
  const text = edited.value || layer;
  return (
    <details class="fold" open={isOpen.value !== ''} onToggle={({ currentTarget }) => set({ sets: currentTarget.open ? 'open' : null })}>
      <summary>{t.fold(layer, shape.join(' × '))}</summary>
      {isOpen.value !== '' && <Sets key={shape.join()} text={text} layer={layer} shape={shape} names={names} />}
    </details>
  );
}

function Sets({ text, layer, shape, names }: SetsFoldProps & { readonly text: string }) {
  const t = texts.value;
  const selected = useSignal<number | null>(null);
  // Jobs look at signals; a property that changes has to become one.
  const subject = useSignal({ text, sizes: '' });
  if (subject.peek().text !== text) subject.value = { text, sizes: '' };
  const known = useJob('sets', () => ({ subject: subject.value, shape, values: null }));
  const sentence = useElementSet(known, selected);
  const { answer, failure } = known.value;
  const said = sentence.value.answer === null ? null : t.element(sentence.value.answer, names);
  return (
    <>
      <div class="controls">
        <TextField label={t.who.layer} value={text} change={(next) => set({ setslayer: next === layer ? null : next })} width={30} isPattern failure={failure} />
      </div>
      {answer !== null && answer.drawn !== null && (
        <>
          <p class="sentence" data-testid="fold-sentence">{said ?? t.summary(answer.data, names)}</p>
          <Field shape={answer.drawn.shape} sets={answer.drawn.sets} labels={nothing} axisNames={names} selected={selected} sentence={said} label={answer.data.name} />
          <Facts data={answer.data} />
          <CopyAs forms={[['PyTorch', () => answer.data.pytorch], [t.who.brackets, () => answer.data.pattern], ...pictureForms(answer.drawn, nothing, t.summary(answer.data, names))]} />
        </>
      )}
    </>
  );
}

function nothing(): string {
  return '';
}
