// PyTorch's .pth and .pt files since 1.6: a zip archive of a pickle and the storages that it refers to.
// May import errors and tensor.

import type { Tensor } from '../tensor.js';
import { type ByteSource, inMemory } from './bytesource.js';
import { type Contents, readAll, type TensorEntry } from './contents.js';
import { decode, fileError, formats, unsupported } from './elements.js';
import { isNpz } from './npz.js';
import { chooseState } from './statedict.js';
import { gather, isContiguous, type Layout, layoutOf } from './strided.js';
import { type PickledTensor, unpickleTorch } from './torchpickle.js';
import { openZip, type Zip } from './zip.js';

/** What {@link readPth} reads of a checkpoint. */
export interface PthOptions {
  /**
   * Which dict of tensors, where a checkpoint holds several: its keys joined by dots (`'model'`, `'ema.model'`), '' for
   * the outermost. Default: the only one.
   */
  readonly entry?: string;
}

/**
 * Reads what `torch.save(model.state_dict(), path)` wrote, without running anything: the tensors of the only dict that
 * holds some, or of the one that `entry` names, in the file's order. Views come out by their strides. float16 and bfloat16
 * become float32, and integers of up to 32 bits int64, exactly. A lone tensor is called `tensor`. What training scripts keep
 * beside the dict is dropped: optimizer state, numbers, an `argparse.Namespace`, NumPy's arrays, paths, dates.
 *
 * @throws KeelError [file] for an archive that is cut, damaged or malformed, by its name for whatever a pickle asks for that
 *   is no tensor or plain container, and for a storage too short for its tensor; [argument] for an `entry` that is none.
 * @see https://docs.pytorch.org/docs/stable/notes/serialization.html
 * @example
 * model.loadStateDict(await readPth(bytes));
 */
export async function readPth(bytes: Uint8Array, options: PthOptions = {}): Promise<Map<string, Tensor>> {
  const source = inMemory(bytes);
  return readAll(await openPth(await openZip(source), source.bytes, options));
}

/** The tensors of a .pth file by range: the pickle is read now, storages when tensors are asked for. */
export async function openPth(zip: Zip, fileBytes: number, { entry }: PthOptions): Promise<Contents> {
  const { root, contentsOf } = await unpickled(zip, fileBytes);
  return contentsOf(chooseState(root, entry));
}

/** The value that an archive's pickle describes. */
export interface Pickled {
  readonly root: unknown;
  /** Some of its tensors, to be read. */
  readonly contentsOf: (tensors: ReadonlyMap<string, PickledTensor>) => Contents;
}

/** Reads directory and pickle of a .pth file. */
export async function openPickle(source: ByteSource): Promise<Pickled> {
  return unpickled(await openZip(source), source.bytes);
}

async function unpickled(zip: Zip, fileBytes: number): Promise<Pickled> {
  const prefix = await findPickle(zip);
  const root = unpickleTorch(await readPickle(zip, `${prefix}data.pkl`));
  return { root, contentsOf: (tensors) => contentsOf(tensors, zip, prefix, fileBytes) };
}

function contentsOf(tensors: ReadonlyMap<string, PickledTensor>, zip: Zip, prefix: string, fileBytes: number): Contents {
  const entries = new Map([...tensors].map(([name, tensor]) => [name, entryOf(name, tensor, zip, prefix)]));
  checkTotal([...entries.values()], fileBytes);
  /** In row-major order. */
  const bytesOf = async ({ layout, record }: Entry): Promise<Uint8Array> =>
    layout.bytes === 0 ? new Uint8Array(0) : gather(await zip.read(record, layout.begin, layout.end), layout);
  return {
    entries,
    metadata: {},
    read: async (name) => {
      const found = described(entries, name);
      return decode(found.format, await bytesOf(found), found.shape, `'${name}'`);
    },
    readRange: async (name, begin, end) => {
      const found = described(entries, name);
      const { layout, record, format } = found;
      const [from, to] = [begin * layout.width, end * layout.width];
      // Of a view all that it spans is read.
      const bytes = isContiguous(layout)
        ? await zip.read(record, layout.begin + from, layout.begin + to)
        : (await bytesOf(found)).subarray(from, to);
      return decode(format, bytes, [end - begin], `'${name}'`);
    },
  };
}

function described(entries: ReadonlyMap<string, Entry>, name: string): Entry {
  const found = entries.get(name);
  if (found !== undefined) return found;
  throw fileError(`no tensor is called '${name}'`, { tensor: name });
}

interface Entry extends TensorEntry {
  readonly layout: Layout;
  readonly record: string;
  /** Bytes to be read for it, or those that it has, whichever are more. */
  readonly cost: number;
}

/** The newest format of archives that this was written for, as PyTorch 2 has it. */
const NEWEST_VERSION = 10;

/** The folder that `data.pkl` lies in, of an archive of tensors in the byte order of this machine. */
async function findPickle(zip: Zip): Promise<string> {
  const names = [...zip.records.keys()];
  const [pickle] = names.filter((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  if (pickle === undefined) throw notTorch(names);
  const prefix = pickle.slice(0, -'data.pkl'.length);
  if (names.some((name) => name === `${prefix}constants.pkl` || name.startsWith(`${prefix}code/`))) {
    throw unsupported('it is a TorchScript archive, which holds code: save torch.jit.load(path).state_dict()', {});
  }
  const order = await smallRecord(zip, `${prefix}byteorder`);
  if (order !== null && order !== 'little') {
    throw unsupported(`its byteorder is '${order}', and 'little' is read: save it again on another machine`, { order });
  }
  const version = await smallRecord(zip, `${prefix}version`);
  if (version !== null && !(/^\d+$/.test(version) && Number(version) <= NEWEST_VERSION)) {
    throw unsupported(`its version is '${version}', and versions up to ${NEWEST_VERSION} are read`, { version });
  }
  return prefix;
}

/** The names and shapes of a hundred thousand tensors. */
const MOST_PICKLE_BYTES = 2 ** 25;

async function readPickle(zip: Zip, name: string): Promise<Uint8Array> {
  const size = zip.records.get(name)?.size ?? 0;
  if (size <= MOST_PICKLE_BYTES) return zip.read(name);
  const message = `its pickle has ${size} bytes, ${MOST_PICKLE_BYTES} at most: save model.state_dict() alone`;
  throw fileError(message, { size, limit: MOST_PICKLE_BYTES });
}

/** Text of a record that says something of the archive; null where there is none. */
async function smallRecord(zip: Zip, name: string): Promise<string | null> {
  const record = zip.records.get(name);
  if (record === undefined) return null;
  const { size } = record;
  if (size > 100) throw fileError(`record '${name}' has ${size} bytes, where a word is expected`, { size });
  return new TextDecoder().decode(await zip.read(name)).trim();
}

function notTorch(names: readonly string[]) {
  const what = isNpz(names)
    ? 'a .npz archive, which holds arrays and no pickle: read it with load()'
    : 'a zip archive without data.pkl: PyTorch did not write it';
  return unsupported(`it is ${what}`, { records: names.slice(0, 8) });
}

function entryOf(name: string, tensor: PickledTensor, zip: Zip, prefix: string): Entry {
  const { format, storage, offset, size, stride } = tensor;
  const record = `${prefix}data/${storage.key}`;
  const held = zip.records.get(record);
  if (held === undefined) {
    throw fileError(`'${name}' lies in record '${record}', which the archive does not have`, { tensor: name, record });
  }
  const { width, dtype } = formats[format];
  const layout = layoutOf(name, { offset, size: size.items, stride: stride.items, width }, held.size);
  const read = held.isDeflated && layout.bytes > 0 ? held.size : layout.end - layout.begin;
  return { shape: layout.shape, dtype, format, layout, record, cost: Math.max(read, layout.bytes) };
}

/** Memory of a tensor beside its elements. */
const TENSOR_BYTES = 1024;

/** Tensors may share a storage, or repeat elements by a stride of 0: without a limit a small file could fill memory. */
function checkTotal(entries: readonly Entry[], fileBytes: number): void {
  const limit = 8 * fileBytes + 64 * 2 ** 20;
  const total = Math.max(TENSOR_BYTES * entries.length, entries.reduce((sum, { cost }) => sum + cost, 0));
  if (total <= limit) return;
  throw fileError(
    `its tensors would take ${total} bytes, which is too much for a file of ${fileBytes}: save x.clone() of expanded views`,
    { total, limit, fileBytes },
  );
}
