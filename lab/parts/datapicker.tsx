// Which numbers a screen works on, and one's own: pasted, or a file that never leaves the page.

import { signal } from '@preact/signals';
import { param, set } from '../route.js';
import { texts } from '../settings.js';
import type { DataAsk } from '../worker/jobs/data.js';
import { type DataName, dataNames } from '../worker/jobs/datanames.js';
import type { Failure } from '../worker/protocol.js';
import { Choice, ErrorText, TextField } from './controls.js';

/** In the address; a file is not, and has to be opened again. */
const dataName = param('data', 'named');
const seedText = param('seed', '123');
const ownText = param('own', '[[1, 2, 3, 6], [0, 0, 4, 4]]');
const ownFile = signal<File | null>(null);

export function chosenData(): DataName {
  return dataNames.find((name) => name === dataName.value) ?? 'named';
}

/** Whether the shape is the reader's to choose. */
export function isMadeByShape(name: DataName): boolean {
  return name === 'named' || name === 'counting' || name === 'randn';
}

/** The question for the numbers that were chosen; `shape` is the reader's, null while it is none. */
export function dataAsked(shape: readonly number[] | null): DataAsk | null {
  const name = chosenData();
  const extents = isMadeByShape(name) ? shape : [];
  if (extents === null) return null;
  return { name, shape: extents, seed: Number(seedText.value) || 0, text: ownText.value, file: ownFile.value };
}

export function DataPicker({ failure }: { readonly failure: Failure | null }) {
  const t = texts.value;
  const chosen = chosenData();
  return (
    <>
      <Choice<DataName> label={t.data} value={chosen} options={dataNames.map((name) => [name, t.dataNames[name]])} choose={(data) => set({ data })} />
      {chosen === 'randn' && <TextField label={t.seed} value={seedText.value} change={(seed) => set({ seed })} width={6} />}
      {chosen === 'own' && (
        <>
          <TextField label={t.paste} value={ownText.value} change={(own) => { ownFile.value = null; set({ own }); }} width={30} isPattern failure={failure} />
          <label class="control">
            {t.openFile}
            <input type="file" accept=".npy" onChange={({ currentTarget }) => void (ownFile.value = currentTarget.files?.[0] ?? null)} />
          </label>
        </>
      )}
      {chosen !== 'own' && !isMadeByShape(chosen) && failure !== null && <ErrorText failure={failure} />}
    </>
  );
}
