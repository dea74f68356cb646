// `npm start -- FILE.npy --as LAYER`: normalizes somebody's own array and says what happened. May import 'evenkeel' and
// 'evenkeel/io'.

import { buffer } from 'node:stream/consumers';
import {
  BatchNorm1d, BatchNorm2d, BatchNorm3d, explain, GroupNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, KeelError,
  LayerNorm, LayerNorm2d, LocalResponseNorm, norm, NormLayer, normWithStatistics, RMSNorm, type Tensor,
} from 'evenkeel';
import { load, save } from 'evenkeel/io';

/** What is asked for, as the command line says it; null or empty where it says nothing. */
export interface Wish {
  /** A path, or `-` for standard input. */
  readonly file: string;
  /** One of {@link layerNames}, spelled with dashes, underscores or capitals. */
  readonly as: string | null;
  readonly pattern: string | null;
  /** Of the pattern's factors. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly groups: number | null;
  readonly normalizedShape: readonly number[] | null;
  readonly size: number | null;
  /** To see the array in before anything else. */
  readonly shape: readonly number[] | null;
  readonly eps: number | null;
  readonly out: string | null;
}

const flags = { groups: '--groups', normalizedShape: '--normalized-shape', size: '--size', eps: '--eps' } as const;
type Option = keyof typeof flags;

/** The options of each layer. */
const takes = {
  'layer-norm': ['normalizedShape', 'eps'],
  'layer-norm-2d': ['eps'],
  'rms-norm': ['normalizedShape', 'eps'],
  'group-norm': ['groups', 'eps'],
  'batch-norm': ['eps'],
  'instance-norm': ['eps'],
  'local-response-norm': ['size'],
} as const satisfies Readonly<Record<string, readonly Option[]>>;
type LayerName = keyof typeof takes;

/** Names for `--as`. */
// Object.keys gives the keys of the record, and loses their type.
export const layerNames = Object.keys(takes) as LayerName[];

/** Normalizes the array, writes the result where asked to, and prints what shares statistics and what became of them. */
export async function normalizeFile(wish: Wish, print: (line: string) => void): Promise<void> {
  const layer = wish.as === null ? null : layerNameOf(wish.as);
  checkOptions(wish, layer);
  const array = await readArray(wish.file);
  const shaped = wish.shape === null ? array : array.reshape(wish.shape);
  const x = shaped.dtype === 'int64' || shaped.dtype === 'bool' ? shaped.to('float32') : shaped;
  const { y, text, sets } = withHint(wish, x, () => (layer === null ? byPattern(wish, x) : byLayer(wish, layer, x)));
  // Before a word is printed: whoever reads may stop reading.
  if (wish.out !== null) await save(wish.out, { array: y });
  print(`${wish.file === '-' ? 'standard input' : wish.file}: ${array.shape.join(' × ') || 'one number'}, computed in ${x.dtype}`);
  print('');
  print(text);
  print('');
  for (const line of setsTable(x, y, sets)) print(line);
  if (wish.out === null) return;
  print('');
  print(`${wish.out}: ${y.shape.join(' × ')}, ${y.dtype}`);
}

/** LayerNorm, layer_norm and layer-norm are one name. */
function layerNameOf(as: string): LayerName {
  const found = layerNames.find((name) => plain(name) === plain(as));
  if (found !== undefined) return found;
  throw new KeelError('argument', `no layer '${as}': choose from ${layerNames.join(', ')}`, { as });
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}

/** Refuses what would have no effect. */
function checkOptions(wish: Wish, layer: LayerName | null): void {
  const name = layer ?? '--pattern';
  const taken: readonly Option[] = layer === null ? ['eps'] : takes[layer];
  const options = taken.map((option) => flags[option]).join(' and ');
  // Object.keys gives the keys of the record, and loses their type.
  for (const option of Object.keys(flags) as Option[]) {
    if (wish[option] === null || taken.includes(option)) continue;
    const what = layer === null ? `sizes such as g=3, and ${options}` : options;
    throw new KeelError('argument', `${name} takes no ${flags[option]}, only ${what}`, { option: flags[option] });
  }
  const [factor] = Object.keys(wish.sizes);
  if (layer === null || factor === undefined) return;
  const setting = `${factor}=${wish.sizes[factor]}`;
  throw new KeelError('argument', `${name} takes no ${setting}, only ${options}: sizes belong to --pattern`, { setting });
}

async function readArray(file: string): Promise<Tensor> {
  const tensors = await load(file === '-' ? new File([await buffer(process.stdin)], 'standard input') : file);
  const [array] = tensors.values();
  if (array !== undefined && tensors.size === 1) return array;
  const names = [...tensors.keys()].join(', ');
  throw new KeelError('file', `'${file}' holds ${tensors.size} tensors (${names}): give a file with one array`, { file });
}

/** A pattern that says which elements share statistics. */
interface Sets {
  readonly pattern: string;
  readonly sizes: Readonly<Record<string, number>>;
}

interface Result {
  readonly y: Tensor;
  readonly text: string;
  readonly sets: Sets;
}

function byPattern({ sizes, eps, pattern: asked }: Wish, x: Tensor): Result {
  const pattern = asked ?? '';
  const options = { ...sizes, ...(eps !== null && { eps }) };
  const { text } = explain(pattern, x.shape, options);
  return { y: norm(x, pattern, options), text, sets: { pattern, sizes } };
}

function byLayer(wish: Wish, name: LayerName, x: Tensor): Result {
  const layer = layerFor(wish, name, x);
  const y = layer.forward(x);
  if (layer instanceof NormLayer) return { y, text: explain(layer, x.shape).text, sets: layer.patternFor(x.shape) };
  const text = `${String(layer)} on ${x.shape.join(' × ')}\n  each element by its neighbours among the channels`;
  return { y, text, sets: { pattern: '[all...]', sizes: {} } };
}

/** The layer for the array's channels, without parameters and running statistics. */
function layerFor({ groups, normalizedShape, size, eps }: Wish, name: LayerName, x: Tensor): NormLayer | LocalResponseNorm {
  const channels = x.shape[1] ?? 0;
  const chosen = eps === null ? {} : { eps };
  const trailing = { elementwiseAffine: false, ...chosen };
  const channelwise = { affine: false, trackRunningStats: false, ...chosen };
  const rank = Math.min(Math.max(x.rank, 3), 5);
  switch (name) {
    case 'layer-norm':
      return new LayerNorm(normalizedShape ?? x.shape.slice(-1), trailing);
    case 'layer-norm-2d':
      return new LayerNorm2d(channels, trailing);
    case 'rms-norm':
      return new RMSNorm(normalizedShape ?? x.shape.slice(-1), trailing);
    case 'group-norm':
      if (groups !== null) return new GroupNorm(groups, channels, { affine: false, ...chosen });
      throw new KeelError('argument', `group-norm needs a number of groups that divides ${channels} channels: --groups G`);
    case 'batch-norm':
      return new ({ 3: BatchNorm1d, 4: BatchNorm2d }[rank] ?? BatchNorm3d)(channels, channelwise);
    case 'instance-norm':
      return new ({ 3: InstanceNorm1d, 4: InstanceNorm2d }[rank] ?? InstanceNorm3d)(channels, channelwise);
    case 'local-response-norm':
      return new LocalResponseNorm(size ?? 5);
  }
}

/** Layers with channels take the first axis for the batch, which one photo does not have. */
function withHint<T>({ as, shape }: Wish, x: Tensor, f: () => T): T {
  const isPhoto = x.rank === 3 && [1, 3, 4].includes(x.shape[0] ?? 0);
  try {
    return f();
  } catch (error) {
    if (!(error instanceof KeelError) || !isPhoto || as === null || shape !== null) throw error;
    const hint = `for one image of ${x.shape.join(' × ')}, channels first, give --shape 1x${x.shape.join('x')}`;
    throw new KeelError(error.code, `${error.message}\n  ${hint}`, error.data);
  }
}

const most = 8;

/** Mean and deviation of each set before and after, of the first sets. */
function setsTable(x: Tensor, y: Tensor, { pattern, sizes }: Sets): string[] {
  // With eps 0 the reciprocal deviation is exactly that.
  const [before, after] = [x, y].map((each) => normWithStatistics(each.detach(), pattern, { ...sizes, eps: 0 }));
  if (before === undefined || after === undefined) return [];
  const numbers = [before.mean, before.rstd.reciprocal(), after.mean, after.rstd.reciprocal()].map(({ data }) => data);
  const names = indices(before.mean.shape);
  const width = Math.max(9, ...names.slice(0, most).map((name) => name.length));
  const row = (cells: readonly string[]) => cells.map((cell, i) => (i === 0 ? cell.padEnd(width) : cell.padStart(12))).join(' ');
  const lines = names.slice(0, most).map((name, i) => row([name, ...numbers.map((column) => decimals(Number(column[i])))]));
  const rest = names.length - lines.length;
  return [
    row(['statistic', 'mean before', 'std before', 'mean after', 'std after']),
    ...lines,
    ...(rest > 0 ? [`and ${rest} more`] : []),
  ];
}

/** Four decimals, and no minus before zeros. */
function decimals(value: number): string {
  return value.toFixed(4).replace(/^-(0\.0+)$/, '$1');
}

/** Every index of a shape in memory order, as text. */
function indices(shape: readonly number[]): string[] {
  const all = shape.reduce<number[][]>(
    (found, extent) => found.flatMap((index) => Array.from({ length: extent }, (_, i) => [...index, i])),
    [[]],
  );
  return all.map((index) => `[${index.join(', ')}]`);
}
