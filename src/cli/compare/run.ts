// `evenkeel compare`: two layers on a shape or a file, or two files. May import evenkeel and evenkeel/io.

import { resolve } from 'node:path';
import { KeelError, manualSeed, randn, type Tensor } from 'evenkeel';
import { open, type OpenFile } from 'evenkeel/io';
import type { Given, Outcome } from '../command.js';
import type { compareSpec } from '../commands/compare.js';
import { checkSettings } from '../explain/subject.js';
import { layerNameOf } from '../layernames.js';
import type { LayerOptions } from '../layeroptions.js';
import { dtypeNames } from '../normalize/report.js';
import { oneTensor } from '../onetensor.js';
import { usageError } from '../parse.js';
import type { Terminal } from '../terminal.js';
import { looksLikeShape, shapeOf, sizesOf } from '../values.js';
import { compareFiles, type Compared } from './files.js';
import { compareLayers } from './layers.js';
import { filesLines, layersLines } from './lines.js';

type Options = Given<typeof compareSpec>['options'];

export async function run({ operands, options }: Given<typeof compareSpec>, terminal: Terminal): Promise<Outcome> {
  const { A, B, ON, SIZES } = operands;
  if (ON === null) return ofFiles(A, B, options, terminal);
  if (options.tolerance !== null) throw new KeelError('argument', '--tolerance is of two files: leave it out', { option: '--tolerance' });
  const file = [A, B].find((text) => /\.(?:npy|npz|safetensors|pth?|ckpt|bin|onnx)$/.test(text));
  if (file !== undefined) throw usageError(`'${file}' is a file, which is compared with a file: leave '${ON}' out`, { operand: 'ON' });
  const settings: LayerOptions = { ...options, size: null, sizes: sizesOf(SIZES) };
  checkSettings([A, B], settings);
  const { x, on, shape, label } = await inputOf(ON, options, terminal);
  try {
    const found = compareLayers(A, B, shape, settings, x);
    return {
      exit: found.verdict.same ? 0 : 1,
      json: { differs: !found.verdict.same, layers: { names: found.names, verdict: found.verdict, on, distance: found.distance }, files: null },
      text: layersLines(found, label, terminal),
    };
  } finally {
    x?.dispose();
  }
}

/** What the layers are compared on; `x` is null where it would be too large. */
interface Input {
  readonly x: Tensor | null;
  readonly shape: readonly number[];
  readonly on: Readonly<Record<string, unknown>>;
  readonly label: string;
}

/** Random numbers and tensors of more elements are not computed with. */
const MOST_ELEMENTS = 2 ** 24;

async function inputOf(ON: string, { entry, seed }: Options, terminal: Terminal): Promise<Input> {
  if (looksLikeShape(ON)) {
    if (entry.length > 0) throw new KeelError('argument', '--entry is of a file, and ON is a shape', { option: '--entry' });
    const shape = shapeOf('ON', ON);
    const size = shape.reduce((a, b) => a * b, 1);
    const on = { shape, data: 'randn', seed: seed ?? 0 };
    if (size > MOST_ELEMENTS) {
      terminal.note(`note: ${size} elements are too many to compute with, ${MOST_ELEMENTS} at most: nothing is said of the difference`);
      return { x: null, shape, on, label: '' };
    }
    manualSeed(seed ?? 0);
    return { x: randn(shape), shape, on, label: 'random numbers' };
  }
  if (seed !== null) throw new KeelError('argument', '--seed is of random numbers, and ON is a file', { option: '--seed' });
  const { x, entry: name, label } = await oneTensor(ON, entry, terminal, { most: MOST_ELEMENTS, use: 'compared on' });
  return { x, shape: x.shape, on: { shape: x.shape, data: 'file', file: label, entry: name }, label };
}

async function ofFiles(A: string, B: string, options: Options, terminal: Terminal): Promise<Outcome> {
  const { entry, tolerance, ...others } = options;
  const unused = Object.entries(others).find(([, value]) => value !== null);
  if (unused !== undefined) throw new KeelError('argument', `two files take no --${unused[0]}`, { option: unused[0] });
  const found = await withFiles([A, B], terminal, (a, b) => compareFiles(a, b, { entries: entry, tolerance }, terminal)).catch((error: unknown) => {
    throw areLayers(A, B, error) ? noShape(A, B) : error;
  });
  const differs = found.some((tensor) => tensor.differs);
  return {
    exit: differs ? 1 : 0,
    json: { differs, layers: null, files: { tensors: found.map(plainOf) } },
    text: filesLines(found, [A, B], tolerance, terminal),
  };
}

/** No such file, but a layer or pattern of that name. */
function areLayers(A: string, B: string, error: unknown): boolean {
  const isMissing = error instanceof KeelError && error.data['problem'] === 'missing';
  return isMissing && [A, B].some((text) => layerNameOf(text) !== null || /[[(]/.test(text));
}

function noShape(A: string, B: string): KeelError {
  return usageError(`on which shape or file are ${A} and ${B} to be compared? Give ON, such as 2x6x4x4`, { operand: 'ON' });
}

async function withFiles<T>([A, B]: readonly [string, string], { cwd }: Terminal, f: (a: OpenFile, b: OpenFile) => Promise<T>): Promise<T> {
  const a = await open(resolve(cwd, A));
  try {
    const b = await open(resolve(cwd, B));
    try {
      return await f(a, b);
    } finally {
      await b.close();
    }
  } finally {
    await a.close();
  }
}

function plainOf({ name, a, b, distance, index, differs }: Compared): Readonly<Record<string, unknown>> {
  const [entryA, entryB] = [a, b].map((entry) => entry && { shape: entry.shape, dtype: dtypeNames[entry.format] });
  return { name, differs, a: entryA, b: entryB, distance: distance && { ...distance, index } };
}
