// Copy as PyTorch, evenkeel, brackets, a picture; or the address.

import { useSignal } from '@preact/signals';
import { announce } from '../announce.js';
import { texts } from '../settings.js';

/** Each form by its name; a picture is made when it is asked for. */
export function CopyAs({ forms }: { readonly forms: readonly (readonly [name: string, text: () => string])[] }) {
  const done = useSignal<string | null>(null);
  const t = texts.value;
  const copy = async (name: string, text: string) => {
    const isCopied = await copied(text);
    done.value = isCopied ? name : null;
    announce(`${name}: ${isCopied ? t.copied : t.notCopied}`);
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

/** Pages of plain http have no clipboard of their own: there the selection is copied. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const { activeElement } = document;
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand('copy');
    area.remove();
    if (activeElement instanceof HTMLElement) activeElement.focus();
    return isCopied;
  }
}
