// A whole training state in one file. May import errors and tensor.

import { KeelError, showGiven } from '../errors.js';
import { Tensor } from '../tensor.js';
import type { ByteSource } from './bytesource.js';
import { safetensorsChunks } from './chunks.js';
import { readAll } from './contents.js';
import { fileError } from './elements.js';
import { isRecord, parseText, showJson } from './headerjson.js';
import { HEAD_BYTES, kindOf } from './kinds.js';
import { named } from './failure.js';
import { readPthValue } from './pthvalue.js';
import { replaceFile } from './replace.js';
import { openSafetensors } from './safetensors.js';
import { writeSafetensors } from './safetensorswriter.js';
import { type FileSource, nameOf, wholeOf } from './source.js';
import { MOST_JSON_LEVELS, treeOf, valueOf } from './tree.js';

/** What a training script keeps, under the usual names. */
export interface Checkpoint {
  readonly model: Map<string, Tensor>;
  readonly optimizer: {
    readonly state: Readonly<Record<string, Readonly<Record<string, Tensor | number>>>>;
    readonly param_groups: readonly Readonly<Record<string, unknown>>[];
  };
  readonly schedule: Readonly<Record<string, unknown>>;
  readonly epoch: number;
  /** What `getRngState()` gave. */
  readonly rng: Tensor;
  readonly [name: string]: unknown;
}

/**
 * Writes a training state to a `.safetensors` file: an object or Map of tensors, numbers, texts, booleans, null, bigints, and
 * of arrays, plain objects and Maps of them. Every tensor lies under its dotted path (`model.fc.weight`,
 * `optimizer.state.0.exp_avg`), so that other readers of safetensors find them; the rest stands as JSON in the metadata
 * entry `evenkeel.checkpoint`. Numbers come back to the last bit, NaN and −0 too. The file takes the place of what is there
 * once it is whole, as with {@link save}.
 *
 * @throws KeelError [argument] for another extension, and by its path for what cannot be read back: a function, an instance
 *   of a class, undefined, what holds itself; [disposed]; [name] for a tensor called `__metadata__`; [modified] for a tensor
 *   that changes meanwhile; [file] where it cannot be written.
 * @see https://docs.pytorch.org/tutorials/recipes/recipes/saving_and_loading_a_general_checkpoint.html
 * @example
 * const [model_, optimizer_] = [model.stateDict(), optimizer.stateDict()];
 * await saveCheckpoint('run.safetensors', { model: model_, optimizer: optimizer_, schedule: schedule.stateDict(), epoch: 3 });
 */
export async function saveCheckpoint(path: string | URL, values: object): Promise<void> {
  if (!String(path).endsWith('.safetensors')) {
    throw new KeelError('argument', `a checkpoint is a safetensors file: end '${String(path)}' in .safetensors`, { path: String(path) });
  }
  const { tensors, options } = described(values);
  await replaceFile(path, safetensorsChunks(tensors, options));
}

/**
 * The bytes of the file that {@link saveCheckpoint} writes, for where there is no file system; {@link loadCheckpoint} reads
 * them. Errors as there, but for [modified] and [file].
 *
 * @example
 * const bytes = writeCheckpoint({ model: model.stateDict(), optimizer: optimizer.stateDict() });
 */
export function writeCheckpoint(values: object): Uint8Array {
  const { tensors, options } = described(values);
  return writeSafetensors(tensors, options);
}

/**
 * Reads what {@link saveCheckpoint} wrote, Maps as Maps; or all that `torch.save` put into a .pth file, of which nothing is
 * run: an OrderedDict, as state dicts are, as a Map, another dict as an object, its keys as texts (as a Map where they are
 * others), tuples and sets as arrays, and what is not read, as an `argparse.Namespace`, as `{ unread: its class }`.
 *
 * `T` is what you know of the file; the loadStateDict of model, optimizer and schedule check what they are given.
 *
 * @param source as {@link load} takes it
 * @throws KeelError [file] where it cannot be read or is malformed, and for a safetensors file of tensors alone; [argument] for
 *   a .npy file and any other source.
 * @example
 * const saved = await loadCheckpoint('run.safetensors');
 * model.loadStateDict(saved.model);
 * optimizer.loadStateDict(saved.optimizer);
 */
export async function loadCheckpoint<T extends object = Checkpoint>(source: FileSource): Promise<T> {
  return named(nameOf(source), async (name) => {
    const bytes = await wholeOf(source);
    try {
      const kind = kindOf(await bytes.read(0, Math.min(HEAD_BYTES, bytes.bytes)), name);
      if (kind === 'npy' || kind === 'onnx') {
        const message = `${kind === 'npy' ? 'a .npy file holds one array' : 'an ONNX model holds weights'} and no checkpoint: use load()`;
        throw new KeelError('argument', message, { kind });
      }
      // What is in a file only its reader can know.
      return (await (kind === 'zip' ? readPthValue(bytes) : readSaved(bytes))) as T;
    } finally {
      await bytes.close();
    }
  });
}

/** The metadata entry, and the version of what it says. */
const ENTRY = 'evenkeel.checkpoint';
const VERSION = 1;

function described(values: object) {
  if (!isRecord(values) || values instanceof Tensor) {
    const message = `a checkpoint takes values by name, such as { model: model.stateDict() }, got ${showGiven(values)}`;
    throw new KeelError('argument', message, {});
  }
  const { json, tensors } = treeOf(values);
  const metadata = { format: 'pt', [ENTRY]: JSON.stringify({ version: VERSION, value: json }) };
  return { tensors, options: { floats: 'float32', metadata } as const };
}

async function readSaved(source: ByteSource): Promise<unknown> {
  const contents = await openSafetensors(source);
  const text = contents.metadata[ENTRY];
  if (text === undefined) {
    const message = `it has tensors alone, and no entry '${ENTRY}' as saveCheckpoint writes it: read it with load()`;
    throw fileError(message, { entry: ENTRY });
  }
  const described = parseText(text, MOST_JSON_LEVELS);
  const { version, value } = isRecord(described) ? described : {};
  if (version !== VERSION) {
    throw fileError(`its entry '${ENTRY}' has version ${showJson(version)}, and ${VERSION} is read`, { version });
  }
  const tensors = await readAll(contents);
  const unused = new Set(tensors.keys());
  try {
    return valueOf(value, (name) => {
      const found = tensors.get(name);
      if (found === undefined) throw fileError(`its entry '${ENTRY}' has a tensor '${name}' that is not there`, { tensor: name });
      unused.delete(name);
      return found;
    });
  } catch (error) {
    for (const name of tensors.keys()) unused.add(name);
    throw error;
  } finally {
    for (const name of unused) tensors.get(name)?.dispose();
  }
}
