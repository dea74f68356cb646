// Norm layers in a table: kind, width, eps, tensors as histograms; a layer opens to all its figures. Imports texts and types.

import { useSignal } from '@preact/signals';
import type { Flag, InspectedNorm, InspectedTensor, TensorRole } from 'evenkeel/inspect';
import { shown } from '../parts/shownumber.js';
import { texts } from '../settings.js';
import { Bars, Figures } from './histogram.js';

/** Rows that are drawn at once. */
const MOST = 40;

const columns = ['weight', 'bias', 'running_mean', 'running_var'] as const;

/** What stands in γ's column for weights that are computed. */
const roles: Readonly<Record<(typeof columns)[number], readonly TensorRole[]>> = {
  weight: ['weight', 'magnitude', 'alpha'], bias: ['bias'], running_mean: ['running_mean'], running_var: ['running_var'],
};

interface LayersProps {
  readonly layers: readonly InspectedNorm[];
  readonly flags: readonly Flag[];
  /** The layer that is open, by its path. */
  readonly opened: string | null;
  readonly open: (path: string | null) => void;
}

export function Layers({ layers, flags, opened, open }: LayersProps) {
  const t = texts.value.model;
  const limit = useSignal(MOST);
  const present = columns.filter((name) => layers.some(({ tensors }) => tensorOf(tensors, name) !== undefined));
  return (
    <>
      <div class="scroll" role="region" tabIndex={0} aria-label={t.table}>
        <table class="layers">
          <thead>
            <tr>
              {[t.layer, t.kind].map((head) => <th key={head} scope="col">{head}</th>)}
              {[t.width, t.eps].map((head) => <th key={head} scope="col" class="number">{head}</th>)}
              {present.map((name) => <th key={name} scope="col">{t.columns[name]}</th>)}
            </tr>
          </thead>
          {layers.slice(0, limit.value).map((layer) => (
            <Layer key={layer.path} layer={layer} flags={flags.filter(({ path }) => path === layer.path)} present={present} isOpen={layer.path === opened} open={open} />
          ))}
        </table>
      </div>
      {layers.length > limit.value && (
        <p><button type="button" onClick={() => void (limit.value += MOST)}>{t.more(Math.min(MOST, layers.length - limit.value))}</button></p>
      )}
    </>
  );
}

function tensorOf(tensors: readonly InspectedTensor[], column: (typeof columns)[number]): InspectedTensor | undefined {
  return tensors.find(({ role }) => roles[column].includes(role));
}

interface LayerProps {
  readonly layer: InspectedNorm;
  readonly flags: readonly Flag[];
  readonly present: readonly (typeof columns)[number][];
  readonly isOpen: boolean;
  readonly open: (path: string | null) => void;
}

function Layer({ layer, flags, present, isOpen, open }: LayerProps) {
  const t = texts.value.model;
  const { path, kind, groups, width, eps, tensors } = layer;
  return (
    <tbody>
      <tr>
        <th scope="row">
          <button type="button" class="plain mono" aria-expanded={isOpen} onClick={() => open(isOpen ? null : path)}>{path === '' ? t.outermost : path}</button>
          <Marks flags={flags} />
        </th>
        <td data-testid={`kind-${path}`}>{kind}{groups !== null && `, ${t.groups(groups)}`}</td>
        <td class="number">{width ?? ''}</td>
        <td class="number" data-testid={`eps-${path}`}>{eps === null ? <span class="hint">{layer.epsFrom === 'not stored' ? t.notStored : ''}</span> : shownEps(eps)}</td>
        {present.map((name) => {
          const tensor = tensorOf(tensors, name);
          return <td key={name} data-testid={`${name}-${path}`}>{tensor !== undefined && <Figures tensor={tensor} />}</td>;
        })}
      </tr>
      {isOpen && <tr><td colSpan={4 + present.length} class="details"><Details layer={layer} flags={flags} /></td></tr>}
    </tbody>
  );
}

/** How many errors and warnings, in words that need no colour. */
function Marks({ flags }: { readonly flags: readonly Flag[] }) {
  const t = texts.value.model;
  const count = (level: Flag['level']): number => flags.filter((flag) => flag.level === level).length;
  const [errors, warnings] = [count('error'), count('warning')];
  if (errors + warnings === 0) return null;
  return <span class={errors > 0 ? 'mark bad' : 'mark warned'}>{errors > 0 ? '✗' : '!'} {t.counts(errors, warnings)}</span>;
}

function Details({ layer, flags }: { readonly layer: InspectedNorm; readonly flags: readonly Flag[] }) {
  const t = texts.value.model;
  const { evidence, pattern, follows, precedes, foldable, batches, tensors } = layer;
  const facts: readonly (readonly [string, string | null])[] = [
    [t.evidence, evidence], [t.pattern, pattern], [t.follows, follows], [t.precedes, precedes], [t.folds, t.foldable[foldable]],
    [t.batches, batches === null ? null : String(batches)],
  ];
  const heads = [t.count, t.mean, t.deviation, t.min, t.max, t.nearZero];
  return (
    <div class="sheet" role="region" tabIndex={0} aria-label={layer.path || t.outermost}>
      {flags.length > 0 && <Flags flags={flags} />}
      <dl class="known">
        {facts.map(([name, text]) => text !== null && <div key={name}><dt>{name}</dt><dd class={name === t.pattern ? 'mono' : undefined}>{text}</dd></div>)}
      </dl>
      <table>
        <thead><tr><th scope="col">{t.tensor}</th>{heads.map((head) => <th key={head} scope="col" class="number">{head}</th>)}<td /></tr></thead>
        <tbody>
          {tensors.filter(({ role }) => role !== 'num_batches_tracked').map(({ key, count, mean, deviation, min, max, nearZero, histogram }) => (
            <tr key={key}>
              <th scope="row" class="mono">{key}</th>
              {[count, mean, deviation, min, max, nearZero].map((figure, i) => <td key={heads[i]} class="number">{figure === null ? '–' : shown(figure, 4)}</td>)}
              <td>{histogram !== null && min !== max && <Bars histogram={histogram} label={key} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Flags that are drawn at once. */
const MOST_FLAGS = 40;

/** Level, name and place of each, and what to do. */
export function Flags({ flags }: { readonly flags: readonly Flag[] }) {
  const t = texts.value.model;
  const limit = useSignal(MOST_FLAGS);
  return (
    <>
      <ul class="flags">
        {flags.slice(0, limit.value).map(({ name, level, path, tensor, message }, i) => (
          <li key={i} class={`flag-${level}`}>
            <span class={level === 'error' ? 'bad' : 'warned'}><span aria-hidden="true">{level === 'error' ? '✗' : '!'}</span> {t.levels[level]}</span>{' '}
            <b>{name}</b> <code>{tensor ?? path ?? ''}</code>
            <p>{message}</p>
          </li>
        ))}
      </ul>
      {flags.length > limit.value && (
        <p><button type="button" onClick={() => void (limit.value += MOST_FLAGS)}>{t.more(Math.min(MOST_FLAGS, flags.length - limit.value))}</button></p>
      )}
    </>
  );
}

/** `1e-5`, which is 0.00001 otherwise. */
function shownEps(eps: number): string {
  return eps < 1e-2 ? eps.toExponential().replace('-', '−') : shown(eps);
}
