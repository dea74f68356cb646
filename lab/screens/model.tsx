// 9. Open my model: the norm layers of a file that never leaves the page, their figures, and what looks wrong.

import { computed, untracked, useComputed, useSignal, useSignalEffect, type Signal } from '@preact/signals';
import type { Inspection } from 'evenkeel/inspect';
import { useEffect, useId } from 'preact/hooks';
import { announce } from '../announce.js';
import { Choice, ErrorText, Takeaway } from '../parts/controls.js';
import { CopyAs } from '../parts/copyas.js';
import { param, set } from '../route.js';
import { texts } from '../settings.js';
import { sampleNames } from '../worker/jobs/samplenames.js';
import { known, openFiles, ownModel, read, stop } from './modelfile.js';
import { Flags, Layers } from './modeltable.js';
import './model.css';

const sampleText = param('sample', 'faulty');
const scanText = param('scan', 'all');
const filterText = param('filter', 'all');
const layerText = param('layer', '');

const sample = computed(() => sampleNames.find((name) => name === sampleText.value) ?? 'faulty');
const scan = computed<'all' | 'norms'>(() => (scanText.value === 'norms' ? 'norms' : 'all'));

export function Content() {
  const t = texts.value;
  useSignalEffect(() => {
    const own = ownModel.value;
    const wanted = { file: own?.file ?? sample.value, config: own?.config ?? null, scan: scan.value };
    // It changes what is known, which is no reason to read again.
    untracked(() => read(wanted));
  });
  useEffect(() => stop, []);
  const { inspection, failure } = known.value;
  return (
    <>
      <p class="lead">{t.model.lead}</p>
      <Opener />
      <Progress />
      {failure !== null && <ErrorText failure={failure} />}
      {inspection !== null && <Found inspection={inspection} />}
      <Takeaway title={t.takeaway}>{t.model.takeaway}</Takeaway>
    </>
  );
}

function openNew(files: readonly File[]): void {
  if (openFiles(files)) set({ sample: null, layer: null, filter: null });
}

/** Files that are dropped anywhere on the page: elsewhere a browser would leave it for the file. */
function useDrops(isOver: Signal<boolean>): void {
  useEffect(() => {
    const over = (event: DragEvent): void => {
      event.preventDefault();
      isOver.value = true;
    };
    const leave = ({ relatedTarget }: DragEvent): void => {
      if (relatedTarget === null) isOver.value = false;
    };
    const drop = (event: DragEvent): void => {
      event.preventDefault();
      isOver.value = false;
      openNew([...(event.dataTransfer?.files ?? [])]);
    };
    addEventListener('dragover', over);
    addEventListener('dragleave', leave);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('dragleave', leave);
      removeEventListener('drop', drop);
    };
  }, []);
}

/** Where a file is dropped, or chosen by keyboard; and the samples. */
function Opener() {
  const t = texts.value.model;
  const id = useId();
  const isOver = useSignal(false);
  useDrops(isOver);
  return (
    <div class={isOver.value ? 'opener over' : 'opener'}>
      <p class="drop">{t.drop}</p>
      <p class="controls">
        <label for={id}>{t.choose}<input
          id={id} type="file" multiple accept=".safetensors,.onnx,.pth,.pt,.bin,.ckpt,.npz,.json"
          onChange={({ currentTarget }) => {
            openNew([...(currentTarget.files ?? [])]);
            // The same file can be chosen again, after a change.
            currentTarget.value = '';
          }}
        /></label>
        <span class="control" role="group" aria-label={t.samples}>
          <span>{t.samples}</span>
          <span class="samples">
            {sampleNames.map((name) => (
              <button
                key={name} type="button" aria-pressed={ownModel.value === null && sample.value === name}
                onClick={() => {
                  ownModel.value = null;
                  set({ sample: name, layer: null, filter: null });
                }}
              >
                {t.sampleNames[name]}
              </button>
            ))}
          </span>
        </span>
        <Choice<'all' | 'norms'> label={t.scan} value={scan.value} options={[['all', t.scans.all], ['norms', t.scans.norms]]} choose={(name) => set({ scan: name })} />
      </p>
      <p class="hint">{t.stays}</p>
    </div>
  );
}

function Progress() {
  const t = texts.value.model;
  const { reading, progress } = known.value;
  if (reading === null) return null;
  return (
    <div class="controls" data-testid="reading">
      <span>{t.reading(reading)}</span>
      {progress !== null && (
        <>
          <progress max={progress.total} value={progress.done} aria-label={t.read} />
          <span class="hint">{t.elements(counted(progress.done), counted(progress.total))}</span>
        </>
      )}
      <button type="button" onClick={stop}>{t.stop}</button>
    </div>
  );
}

function Found({ inspection }: { readonly inspection: Inspection }) {
  const t = texts.value.model;
  const { layers, flags, kind } = inspection;
  const flagged = useComputed(() => new Set(known.value.inspection?.flags.map(({ path }) => path)));
  const filter = filterText.value === 'flagged' ? 'flagged' : 'all';
  const shownLayers = filter === 'flagged' ? layers.filter(({ path }) => flagged.value.has(path)) : layers;
  const levels = t.counts(flags.filter(({ level }) => level === 'error').length, flags.filter(({ level }) => level === 'warning').length);
  const opened = layerText.value === '' ? null : layerText.value;
  useEffect(() => announce(`${inspection.file ?? ''}: ${layers.length} ${t.layers(layers.length)}, ${levels || t.noFlags}`), [inspection]);
  return (
    <>
      <Head inspection={inspection} />
      {layers.length === 0
        ? <p>{t.noNorms}</p>
        : (
          <>
            <div class="controls">
              <Choice<'all' | 'flagged'> label={t.filter} value={filter} options={[['all', t.filters.all], ['flagged', t.filters.flagged]]} choose={(name) => set({ filter: name === 'all' ? null : name })} />
              <button type="button" onClick={() => download(inspection)}>{t.download}</button>
            </div>
            <Layers key={inspection.file} layers={shownLayers} flags={flags} opened={opened} open={(path) => set({ layer: path })} />
            {kind !== 'onnx' && layers.some(({ epsFrom }) => epsFrom === 'not stored') && <p class="hint">{t.epsHint}</p>}
          </>
        )}
      <h2>{t.flags}{levels === '' ? '' : ' · '}<span data-testid="levels">{levels}</span></h2>
      {flags.length === 0 ? <p data-testid="no-flags">{t.noFlags}</p> : <Flags key={inspection.file} flags={flags} />}
      <CopyAs
        forms={[
          ['evenkeel', () => `import { inspect } from 'evenkeel/inspect';\n\nconst { layers, flags } = await inspect(${JSON.stringify(inspection.file ?? '')});\n`],
          [t.commandLine, () => `npx evenkeel inspect ${quoted(inspection.file ?? '')} --all`],
        ]}
      />
      {known.value.isSample && <p class="footnote">{t.sampleNote}</p>}
    </>
  );
}

function Head({ inspection: { file, layers, tensors, elements, layout, opset } }: { readonly inspection: Inspection }) {
  const t = texts.value.model;
  const kinds = new Map<string, number>();
  for (const { kind } of layers) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const facts = [
    t.summary(counted(tensors), counted(elements)),
    ...(layout === null ? [] : [t.layout(layout.model, layout.layout)]),
    ...(opset === null ? [] : [t.opset(opset)]),
    ...(known.value.isSample ? [t.isSample] : []),
  ];
  return (
    <section aria-label={file ?? ''}>
      <h2 class="file" data-testid="file">{t.file(file ?? '')}</h2>
      <p>{facts.join(' · ')}</p>
      <p>
        <b class="figure" data-testid="layers">{layers.length}</b> {t.layers(layers.length)}
        {layers.length > 0 && ` · ${[...kinds].map(([kind, n]) => `${n} ${kind}`).join(', ')}`}
      </p>
    </section>
  );
}

/** The document that `inspect` gives, as the reader's own file. */
function download(inspection: Inspection): void {
  const url = URL.createObjectURL(new Blob([`${JSON.stringify(inspection, null, 1)}\n`], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${inspection.file ?? 'model'}.inspection.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A file's name as a shell takes it. */
function quoted(name: string): string {
  return /^[\w.-]+$/.test(name) && !name.startsWith('-') ? name : `'./${name.replaceAll("'", `'\\''`)}'`;
}

/** `20 000`, the space a narrow one. */
function counted(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}
