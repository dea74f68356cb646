// Copy as PyTorch, evenkeel, brackets, a picture; or the address.

import { useSignal } from '@preact/signals';
import { announce } from '../announce.js';
import { texts } from '../settings.js';

/** Each form by its name; a picture is made when it is asked for. */
export function CopyAs({ forms }: { readonly forms: readonly (readonly [name: string, text: () => string])[] }) {
  const done = useSignal<string | null>(null);
  const t = texts.value;
  const copy = async (name: string, text: string) => {
    await navigator.clipboard.writeText(text);
    done.value = name;
    announce(`${name}: ${t.copied}`);
  };
  const all = [...forms, [t.share, () => location.href] as const];
  return (
    <div class="controls copy" role="group" aria-label={t.copyAs}>
      <span class="hint">{t.copyAs}</span>
      {all.map(([name, text]) => (
        <button key={name} type="button" onClick={() => void copy(name, text())}>{done.value === name ? `${name} ✓` : name}</button>
      ))}
    </div>
  );
}
