// What inspect says: a table of layers, their flags, and with --all every tensor. Imports its neighbours and evenkeel's types.

import type { Flag, Inspection, InspectedNorm, TensorRole } from 'evenkeel/inspect';
import type { Terminal } from '../terminal.js';
import { labelled, printable, table, widthOf, wrap } from '../text.js';
import { cellOf, histogramOf, short, showCount, showEps } from './figures.js';

/** What a terminal can be asked to show; a file may have more. */
const MOST_LAYERS = 1000;
const MOST_FLAGS = 200;

export function textOf(inspection: Inspection, all: boolean, terminal: Terminal): string[] {
  const { layers, flags } = inspection;
  const levels = levelsOf(flags);
  const shown = layers.slice(0, MOST_LAYERS);
  const body = all ? detailsOf(shown, levels, terminal) : tableOf(shown, levels, terminal);
  return [
    ...headOf(inspection, terminal),
    ...(layers.length === 0 ? [] : ['', ...body]),
    ...moreThan(MOST_LAYERS, layers.length),
    ...remarksOf(inspection, terminal),
    ...flagLines(flags, terminal),
  ];
}

function headOf({ file, tensors, elements, layout, opset, layers }: Inspection, { columns, paint }: Terminal): string[] {
  const below = layout === null || layout.prefix === '' ? '' : `, below ${printable(layout.prefix)}`;
  const facts = [
    `${showCount(tensors)} tensor${tensors === 1 ? '' : 's'} of ${showCount(elements)} elements`,
    ...(opset === null ? [] : [`opset ${opset}`]),
    ...(layout === null ? [] : [`${layout.model}'s keys (${layout.layout}${below})`]),
  ];
  const counts = new Map<string, number>();
  for (const { kind } of layers) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const kinds = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
  return [
    ...wrap(`${paint('bold', printable(file ?? ''))}: ${facts.join(', ')}`, columns, '  '),
    ...wrap(layers.length === 0 ? 'no norm layer' : kinds, columns, '  '),
  ];
}

type Levels = ReadonlyMap<string | null, Flag['level']>;

/** The worst level of each layer. */
function levelsOf(flags: readonly Flag[]): Levels {
  const levels = new Map<string | null, Flag['level']>();
  for (const { path, level } of flags) if (levels.get(path) !== 'error') levels.set(path, level);
  return levels;
}

/** What says the level where there are no colours. */
function markOf(level: Flag['level'] | undefined, paint: Terminal['paint']): string {
  return level === undefined ? '' : level === 'error' ? paint('red', '✗') : paint('yellow', '!');
}

const statistics: readonly (readonly [title: string, roles: readonly TensorRole[]])[] = [
  ['γ', ['weight', 'magnitude']],
  ['β', ['bias']],
  ['running mean', ['running_mean']],
  ['running variance', ['running_var']],
];

/** Columns of a path before it is shortened for the sake of another histogram. */
const WANTED_PATH = 20;
const BLOCKS = 8;

function tableOf(layers: readonly InspectedNorm[], levels: Levels, { columns, paint }: Terminal): string[] {
  const hasEps = layers.some(({ eps }) => eps !== null);
  const hasMarks = layers.some(({ path }) => levels.has(path));
  const heads = [...(hasMarks ? [''] : []), 'layer', 'kind', 'width', ...(hasEps ? ['eps'] : [])];
  const rows = layers.map(({ path, kind, width, eps, groups }) => [
    ...(hasMarks ? [markOf(levels.get(path), paint)] : []),
    printable(path) || '(outermost)',
    groups === null ? kind : `${kind}, ${groups} groups`,
    width === null ? '' : String(width),
    ...(hasEps ? [eps === null ? '' : showEps(eps)] : []),
  ]);
  const pathAt = hasMarks ? 1 : 0;
  const cells = statistics.flatMap(([title, roles]) => {
    const own = layers.map(({ tensors }) => cellOf(tensors.find(({ role }) => roles.includes(role)), BLOCKS));
    return own.every((cell) => cell === '') ? [] : [[title, ...own]];
  });
  const widths = heads.map((head, i) => Math.max(widthOf(head), ...rows.map((row) => widthOf(row[i] ?? ''))));
  widths[pathAt] = Math.min(widths[pathAt] ?? 0, WANTED_PATH);
  let used = widths.reduce((sum, width) => sum + width + 2, -2);
  const whole = cells.filter((column) => (used += 2 + Math.max(...column.map(widthOf))) <= columns);
  // A narrow terminal has γ without its range.
  const least = widths.reduce((sum, width, i) => sum + (i === pathAt ? Math.min(8, width) : width) + 2, BLOCKS);
  const bare = cells.slice(0, least <= columns ? 1 : 0).map((column) => column.map((cell) => cell.slice(0, BLOCKS)));
  const shown = whole.length > 0 ? whole : bare;
  const lines = [heads, ...rows].map((row, i) => [...row, ...shown.map((column) => column[i] ?? '')]);
  const align = heads.map((head) => (head === 'width' ? ('right' as const) : ('left' as const)));
  // The kind is what is asked for: it is cut last.
  const shrink = columns < 60 ? [pathAt, pathAt + 1] : [pathAt];
  return table(lines, { columns, align, shrink }).map((line, i) => (i === 0 ? paint('dim', line) : line));
}

/** Each layer with all its tensors. */
function detailsOf(layers: readonly InspectedNorm[], levels: Levels, { columns, paint }: Terminal): string[] {
  const isNarrow = columns < 80;
  return layers.flatMap((layer, i) => {
    const { path, kind, evidence, pattern, follows, precedes, foldable, batches, tensors } = layer;
    const mark = markOf(levels.get(path), paint);
    const known: readonly (readonly [string, string | null])[] = [
      ['kind', `${kind}: ${evidence}`],
      ['eps', layer.eps === null ? layer.epsFrom : `${showEps(layer.eps)} (${sources[layer.epsFrom]})`],
      ['groups', layer.groups === null ? null : String(layer.groups)],
      ['pattern', pattern],
      ['follows', follows],
      ['precedes', precedes],
      ['folds', folding[foldable]],
      ['batches', batches === null ? null : showCount(batches)],
    ];
    const facts = known.flatMap(([label, text]) => (text === null ? [] : [[label, printable(text)] as const]));
    const figures = tensors.filter(({ role }) => role !== 'num_batches_tracked').map((tensor) => {
      const { role, count, min, max, mean, deviation, nearZero, histogram } = tensor;
      const numbers = [mean, deviation, min, max].map((figure) => (figure === null ? '–' : short(figure)));
      const near = isNarrow ? [] : [String(nearZero)];
      const bars = histogram === null ? '' : histogramOf(histogram, isNarrow ? 8 : 16);
      return [names[role] ?? role, showCount(count), ...numbers, ...near, bars];
    });
    const heads = ['', 'count', 'mean', 'std', 'min', 'max', ...(isNarrow ? [] : ['< 1e-3']), ''];
    const align = heads.map((_, at) => (at === 0 || at === heads.length - 1 ? ('left' as const) : ('right' as const)));
    return [
      ...(i === 0 ? [] : ['']),
      `${paint('bold', printable(path) || '(outermost)')}${mark === '' ? '' : ` ${mark}`}`,
      ...labelled(facts, columns),
      ...(figures.length === 0 ? [] : table([heads, ...figures], { columns: columns - 2, align }).map((line) => `  ${line}`)),
    ];
  });
}

const sources: Readonly<Record<InspectedNorm['epsFrom'], string>> = {
  file: 'in the file', config: 'of the configuration', default: "the operator's default", 'not stored': 'not stored',
};

const folding: Readonly<Record<InspectedNorm['foldable'], string>> = {
  before: 'into the layer before',
  after: 'scale and shift into the layer after',
  itself: 'into its own weight',
  no: 'not',
  unknown: 'unknown',
};

const names: Readonly<Partial<Record<TensorRole, string>>> = {
  weight: 'γ', bias: 'β', running_mean: 'μ', running_var: 'σ²', alpha: 'α', magnitude: 'g', direction: 'v',
};

/** What holds for several layers: eps that is not stored, kinds that nothing tells, what folds. */
function remarksOf({ kind, layers, config }: Inspection, { columns }: Terminal): string[] {
  const remarks: string[] = [];
  const unknown = layers.filter(({ eps, candidates: [first = 'DyT'] }) => eps === null && !withoutEps.includes(first)).length;
  if (unknown > 0 && kind !== 'onnx') {
    const where = config === null ? 'a config.json beside it would say, or --config FILE' : `${printable(config)} does not say`;
    const some = unknown === layers.length ? '' : ` for ${unknown} of ${layers.length} layers`;
    remarks.push(`eps is not stored${some}: ${where}`);
  }
  const ambiguous = layers.filter(({ candidates }) => candidates.length > 1);
  for (const [name, evidence] of new Map(ambiguous.map((layer) => [layer.kind, layer.evidence]))) {
    remarks.push(`${name}: ${printable(evidence)}`);
  }
  const before = layers.filter(({ foldable }) => foldable === 'before').length;
  const after = layers.filter(({ foldable }) => foldable === 'after').length;
  const folds = [
    ...(before === 0 ? [] : [`${before} into the layer before`]),
    ...(after === 0 ? [] : [`scale and shift of ${after} into the layer after`]),
  ];
  // Of ONNX it folds operators alone, and not what nodes spell out.
  if (folds.length > 0) remarks.push(`for inference fold ${folds.join(', ')}${kind === 'onnx' ? '' : ': evenkeel fold'}`);
  return remarks.length === 0 ? [] : ['', ...remarks.flatMap((remark) => wrap(remark, columns, '  '))];
}

const withoutEps: readonly string[] = ['weight_norm', 'spectral_norm', 'DyT', 'GRN', 'LayerScale', 'LocalResponseNorm'];

function flagLines(flags: readonly Flag[], { columns, paint }: Terminal): string[] {
  if (flags.length === 0) return ['', paint('green', 'nothing is flagged')];
  const shown = flags.slice(0, MOST_FLAGS);
  const labels = shown.map(({ name, level }) => `${level === 'error' ? '✗' : '!'} ${name}`);
  const room = Math.max(24, columns - Math.max(...labels.map(widthOf)) - 4);
  const rows = shown.map(({ level, message }, i) => {
    return [paint(level === 'error' ? 'red' : 'yellow', labels[i] ?? ''), broken(printable(message), room)] as const;
  });
  const count = (level: Flag['level']): string[] => {
    const found = flags.filter((flag) => flag.level === level).length;
    return found === 0 ? [] : [`${found} ${level}${found === 1 ? '' : 's'}`];
  };
  return ['', [...count('error'), ...count('warning')].join(', '), ...labelled(rows, columns), ...moreThan(MOST_FLAGS, flags.length)];
}

function moreThan(shown: number, count: number): string[] {
  return count > shown ? [`and ${showCount(count - shown)} more: --json has all`] : [];
}

/** Words that are longer than a line, as keys may be, in pieces of a line each. */
function broken(text: string, columns: number): string {
  return text.replace(new RegExp(`\\S{${columns}}(?=\\S)`, 'gu'), '$& ');
}
