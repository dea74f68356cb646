// inspect: the norm layers of a model's file, their figures, and what may be wrong. May import errors, io and nn.

import { KeelError } from '../errors.js';
import type { TensorEntry } from '../io/contents.js';
import { unsupported } from '../io/elements.js';
import { open, type OpenFile } from '../io/load.js';
import { openOnnx } from '../io/onnx/openonnx.js';
import { type FileSource, nameOf } from '../io/source.js';
import { type KeyLayout, layoutOf } from '../nn/blocks/layouts.js';
import { optionsOf } from '../nn/check.js';
import { sizeOf } from '../tensor.js';
import { configFor, type ModelConfig, type NormConfig } from './config.js';
import { type Family, familyOf } from './families.js';
import { flagsOf, showEps } from './flags.js';
import type { FoundNorm } from './found.js';
import type { Flag, InspectedNorm, Inspection, NormKind } from './inspection.js';
import { keyFlags } from './keyflags.js';
import { measure, notFiniteFlags } from './measure.js';
import { modulesOf } from './modules.js';
import { normsByNode } from './onnx.js';
import { normsByKey } from './statedict.js';
import { joined, type NotFinite, scan } from './summary.js';

/** Options of {@link inspect}. */
export interface InspectOptions {
  /**
   * A parsed config.json, which has the eps that state dicts do not store; null for none. Default `beside`: the
   * config.json in the folder of a file on disk, where there is one.
   */
  readonly config?: ModelConfig | 'beside' | null;
  /** Whether every float tensor is read and scanned for NaN and infinity, or those of norm layers. Default `all`. */
  readonly scan?: 'all' | 'norms';
  /** Which dict of tensors of a .pth file, as `load` takes it. Default null: the only one. */
  readonly entry?: string | null;
  /** Told now and then how many elements were read, of how many. Default null. */
  readonly progress?: ((done: number, total: number) => void) | null;
  /** Default null. */
  readonly signal?: AbortSignal | null;
}

/**
 * Every norm layer of a model's file: its kind, eps, width, γ, β and running statistics in figures, and flags for what may
 * be wrong. Kinds come from keys and shapes, or from the nodes of an ONNX graph; where these cannot tell, `kind` says
 * `LayerNorm or GroupNorm`, and `evidence` why. Tensors are read one at a time, large ones in parts.
 *
 * @param source as `load` takes it: .safetensors, .pth, .onnx, a folder of shards; or a file that `open` opened, which stays
 *   open
 * @throws KeelError [file] as `load`; [argument] for other options.
 * @example
 * const { layers, flags } = await inspect('model.safetensors');
 * layers.map(({ path, kind, eps }) => `${path}: ${kind}, eps ${eps ?? 'not stored'}`);
 */
export async function inspect(source: FileSource | OpenFile, options: InspectOptions = {}): Promise<Inspection> {
  const settings = settingsOf(options);
  if (isOpen(source)) {
    return inspectOpen(source, { name: null, config: await configOf(null, settings), graph: null }, settings);
  }
  const config = await configOf(source, settings);
  const { entry } = settings;
  const file = await open(source, entry === null ? {} : { entry });
  try {
    const graph = file.kind === 'onnx' ? await graphOf(source, file, config) : null;
    return await inspectOpen(file, { name: nameOf(source), config, graph }, settings);
  } finally {
    await file.close();
  }
}

/** What an ONNX file has beside tensors. */
interface FoundGraph {
  readonly norms: readonly FoundNorm[];
  readonly opset: number | null;
  close(): Promise<void>;
}

/** The norms of a graph's nodes, and those that act on weights, which only keys show. */
async function graphOf(source: FileSource, file: OpenFile, config: NormConfig | null): Promise<FoundGraph> {
  const model = await openOnnx(source);
  const byNode = await normsByNode(model);
  const known = new Set(byNode.flatMap(({ parts }) => [...parts.values()].map(({ key }) => key)));
  const byKey = normsByKey(file, layoutIn(file), config).filter(
    ({ candidates, parts }) =>
      candidates.every((kind) => keyKinds.includes(kind)) && [...parts.values()].every(({ key }) => !known.has(key)),
  );
  return { norms: [...byNode, ...byKey], opset: model.opsets.get('') ?? null, close: () => model.close() };
}

/** Kinds that no operator shows, and keys do. */
const keyKinds: readonly NormKind[] = ['weight_norm', 'spectral_norm', 'DyT', 'GRN', 'LayerScale'];

type Settings = Required<InspectOptions>;

function settingsOf(options: InspectOptions): Settings {
  const settings = optionsOf('inspect', options, { config: 'beside', scan: 'all', entry: null, progress: null, signal: null });
  if (settings.scan === 'all' || settings.scan === 'norms') return settings;
  throw new KeelError('argument', `scan is 'all' or 'norms', got '${String(settings.scan)}'`, { scan: settings.scan });
}

function configOf(source: FileSource | null, { config }: Settings): Promise<NormConfig | null> {
  return configFor(source, config === 'beside' ? undefined : config);
}

function isOpen(source: FileSource | OpenFile): source is OpenFile {
  return typeof source === 'object' && 'entries' in source && 'readRange' in source;
}

/** Keys that tell the layout: more would take long in a hostile file, and tell no more. */
const MOST_KEYS = 20_000;

interface Opened {
  readonly name: string | null;
  readonly config: NormConfig | null;
  readonly graph: FoundGraph | null;
}

async function inspectOpen(file: OpenFile, { name, config, graph }: Opened, settings: Settings): Promise<Inspection> {
  try {
    const { entries, kind } = file;
    const layout = layoutIn(file);
    const norms = graph?.norms ?? normsByKey(file, layout, config);
    const reading = new Reading(entries, settings);
    const modelType = config?.modelType ?? null;
    const { layers, flags: own } = await measured(norms, modelType, reading);
    // In a graph layers may share constants, or have none.
    const ofKeys = graph === null ? keyFlags(norms, modulesOf(entries)) : [];
    const ofFamily = familyFlags(layers, familyOf(layout?.model ?? null, modelType));
    const others = settings.scan === 'all' ? await scanRest(file, norms, reading) : [];
    return {
      file: name,
      kind,
      tensors: entries.size,
      elements: reading.total,
      layout,
      opset: graph?.opset ?? null,
      config: config?.from ?? null,
      scan: settings.scan,
      layers,
      flags: [own, ofKeys, ofFamily, others].flat(),
    };
  } finally {
    await graph?.close();
  }
}

function layoutIn({ entries }: OpenFile): KeyLayout | null {
  return layoutOf([...entries.keys()].slice(0, MOST_KEYS));
}

async function measured(
  norms: readonly FoundNorm[],
  modelType: string | null,
  reading: Reading,
): Promise<{ layers: InspectedNorm[]; flags: Flag[] }> {
  const layers: InspectedNorm[] = [];
  const flags: Flag[] = [];
  for (const found of norms) {
    reading.check();
    const swept = await measure(found, modelType);
    layers.push(swept.norm);
    flags.push(...swept.flags, ...flagsOf(swept));
    for (const { shape } of found.parts.values()) reading.advance(sizeOf(shape));
  }
  return { layers, flags };
}

/** How far the reading is. */
class Reading {
  readonly total: number;
  #read = 0;
  readonly #settings: Settings;

  constructor(entries: ReadonlyMap<string, TensorEntry>, settings: Settings) {
    this.total = [...entries.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    this.#settings = settings;
  }

  /** Stops where the caller asked for it. */
  check(): void {
    this.#settings.signal?.throwIfAborted();
  }

  /** Tells that elements were read, or passed over. */
  advance(elements: number): void {
    this.#read += elements;
    // Nodes of a graph may share a tensor: a small file could be read without end.
    const limit = 8 * this.total + 2 ** 24;
    if (this.#read > limit) {
      const message = `its layers share tensors so often that more than ${limit} elements would be read: it has ${this.total}`;
      throw unsupported(message, { limit, elements: this.total });
    }
    this.#settings.progress?.(Math.min(this.#read, this.total), this.total);
  }
}

/** Elements that are read at once. */
const CHUNK = 2 ** 22;

const floats = ['F64', 'F32', 'F16', 'BF16'];

/** NaN and infinity in the tensors that belong to no norm. */
async function scanRest(file: OpenFile, norms: readonly FoundNorm[], reading: Reading): Promise<Flag[]> {
  const known = new Set(norms.flatMap(({ parts }) => [...parts.values()].map(({ key }) => key)));
  const flags: Flag[] = [];
  for (const [key, { shape, format, order }] of file.entries) {
    if (known.has(key)) continue;
    const size = sizeOf(shape);
    if (!floats.includes(format)) {
      reading.advance(size);
      continue;
    }
    let found: NotFinite = { nans: 0, firstNaN: -1, infinities: 0, firstInfinity: -1 };
    // A view in a .pth file is read whole for every part of it; in Fortran's order parts have other places.
    const step = file.kind === 'pth' || order === 'F' ? Math.max(size, 1) : CHUNK;
    for (let begin = 0; begin < size; begin += step) {
      reading.check();
      const end = Math.min(begin + step, size);
      const x = await (end - begin === size ? file.read(key) : file.readRange(key, begin, end));
      found = joined(found, scan(x.data, begin));
      reading.advance(x.size);
      x.dispose();
    }
    flags.push(...notFiniteFlags(null, { key, shape, format }, found, size));
  }
  return flags;
}

/** One flag for all layers of one eps that is not the family's. */
function familyFlags(layers: readonly InspectedNorm[], family: Family | null): Flag[] {
  if (family === null) return [];
  const byEps = new Map<number, InspectedNorm[]>();
  for (const layer of layers) {
    const { eps, candidates } = layer;
    if (!candidates.every((kind) => kind.startsWith(family.norm))) continue;
    if (eps === null || Math.abs(eps - family.eps) <= 1e-3 * family.eps) continue;
    const list = byEps.get(eps) ?? [];
    list.push(layer);
    byEps.set(eps, list);
  }
  return [...byEps].flatMap(([eps, [first, ...rest]]) => {
    if (first === undefined) return [];
    const where = rest.length === 0 ? first.path : `${rest.length + 1} layers, the first ${first.path},`;
    const message = `eps is ${showEps(eps)} in ${where} and ${showEps(family.eps)} in ${family.name} as published: outputs differ ` +
      'where variances are small; set the eps that the weights were trained with';
    const count = rest.length + 1;
    return [{ name: 'eps-unlike-family', level: 'warning', path: first.path, tensor: null, count, index: null, message }];
  });
}
