// Tensors to files. May import errors and tensor.

import { KeelError } from '../errors.js';
import { Tensor } from '../tensor.js';
import { npyChunks, npzChunks, safetensorsChunks } from './chunks.js';
import { replaceFile, type ReplaceOptions } from './replace.js';
import { checkOptions, type SafetensorsOptions } from './safetensorswriter.js';

/** How {@link save} writes: as `writeSafetensors` of evenkeel/io, and until it is aborted. */
export interface SaveOptions extends SafetensorsOptions, ReplaceOptions {}

/**
 * Writes tensors, by name in a Map or an object, to a `.safetensors` or `.npz` file, or a single one to a `.npy` file: under
 * a temporary name, which then takes the place of what is there, so that a crash leaves the old file whole. No more than one
 * tensor is copied at a time.
 *
 * @throws KeelError [argument] for another extension, several tensors for a `.npy` file, options of safetensors for another,
 *   or what is no Map or object of tensors, as {@link saveCheckpoint} takes it; [disposed]; [name] for a name that the file
 *   does not take; [file] where it cannot be written; [modified] for a tensor that changes meanwhile; the signal's reason
 *   once it is aborted, which leaves the old file whole too.
 * @example
 * await save('model.safetensors', model.stateDict());
 * await save('half.safetensors', model.stateDict(), { floats: 'bfloat16' });
 * await save('x.npy', { x });
 * await save('xy.npz', { x, y }, { signal: AbortSignal.timeout(1000) });
 */
export async function save(
  path: string | URL,
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  options: SaveOptions = {},
): Promise<void> {
  // What is no object is refused with the other options.
  const { signal, ...rest } = options ?? {};
  const chunks = chunksFor(String(path), new Map(entriesOf(tensors)), options === null ? options : rest);
  await replaceFile(path, chunks, signal === undefined ? {} : { signal });
}

/** The tensors by name. Checked, because JavaScript can hand over anything. */
function entriesOf(tensors: unknown): [name: string, tensor: Tensor][] {
  if (typeof tensors !== 'object' || tensors === null || Array.isArray(tensors) || tensors instanceof Tensor) {
    throw noTensors(kindOf(tensors));
  }
  const entries: [unknown, unknown][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  return entries.map(([name, tensor]) => {
    if (tensor instanceof Tensor) return [String(name), tensor];
    const isNested = typeof tensor === 'object' && tensor !== null && !ArrayBuffer.isView(tensor);
    throw noTensors(`${kindOf(tensor)} as '${String(name)}'`, isNested ? ': what is nested is for saveCheckpoint' : '');
  });
}

function noTensors(given: string, hint = ''): KeelError {
  const message = `save takes tensors by name, a Map or an object such as { x }, got ${given}${hint}`;
  return new KeelError('argument', message, { given });
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? `a value of class ${value.constructor?.name ?? 'Object'}` : `a ${typeof value}`;
}

function chunksFor(path: string, tensors: ReadonlyMap<string, Tensor>, options: SafetensorsOptions): AsyncIterable<Uint8Array> {
  const checked = checkOptions(options);
  if (path.endsWith('.safetensors')) return safetensorsChunks(tensors, checked);
  const kind = /\.np[yz]$/.exec(path)?.[0];
  if (kind === undefined) {
    const isTorch = /\.(pth?|ckpt)$/.test(path);
    const problem = isTorch ? "PyTorch's own format is read and not written" : `cannot tell the format of '${path}'`;
    const hint = isTorch ? '.safetensors, which safetensors.torch.load_file reads' : '.safetensors, .npz or .npy';
    throw new KeelError('argument', `${problem}: end it in ${hint}`, { path });
  }
  if (Object.keys(options).length > 0) {
    throw new KeelError('argument', `a ${kind} file takes no options: floats and metadata are of .safetensors`, { options });
  }
  if (kind === '.npz') return npzChunks(tensors);
  const [only] = tensors;
  const count = tensors.size;
  if (only !== undefined && count === 1) return npyChunks(...only);
  throw new KeelError('argument', `a .npy file holds one tensor, got ${count}: save them as .npz or .safetensors`, { path, count });
}
