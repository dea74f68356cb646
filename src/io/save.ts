// Tensors to files. May import errors and tensor.

import { KeelError } from '../errors.js';
import { Tensor } from '../tensor.js';
import { safetensorsChunks } from './chunks.js';
import { writeNpy } from './npy.js';
import { replaceFile } from './replace.js';
import { checkOptions, type SafetensorsOptions } from './safetensorswriter.js';

/**
 * Writes tensors, by name in a Map or an object, to a `.safetensors` file, or a single one to a `.npy` file: under a
 * temporary name, which then takes the place of what is there, so that a crash leaves the old file whole. No more than one
 * tensor is copied at a time.
 *
 * `options` are those of `writeSafetensors` of evenkeel/io.
 *
 * @throws KeelError [argument] for another extension, several tensors or options for a `.npy` file, or what is no Map or
 *   object of tensors, as {@link saveCheckpoint} takes it; [disposed]; [file] where it cannot be written; [modified] for a
 *   tensor that changes meanwhile.
 * @example
 * await save('model.safetensors', model.stateDict());
 * await save('half.safetensors', model.stateDict(), { floats: 'bfloat16' });
 * await save('x.npy', { x });
 */
export async function save(
  path: string | URL,
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  options: SafetensorsOptions = {},
): Promise<void> {
  const entries = entriesOf(tensors);
  await replaceFile(path, chunksFor(String(path), entries, options));
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

function chunksFor(
  path: string,
  entries: readonly (readonly [name: string, tensor: Tensor])[],
  options: SafetensorsOptions,
): AsyncIterable<Uint8Array> {
  const checked = checkOptions(options);
  if (path.endsWith('.safetensors')) return safetensorsChunks(new Map(entries), checked);
  if (!path.endsWith('.npy')) {
    const isTorch = /\.(pth?|ckpt)$/.test(path);
    const problem = isTorch ? "PyTorch's own format is read and not written" : `cannot tell the format of '${path}'`;
    const hint = isTorch ? '.safetensors, which safetensors.torch.load_file reads' : '.safetensors or .npy';
    throw new KeelError('argument', `${problem}: end it in ${hint}`, { path });
  }
  if (Object.keys(options).length > 0) {
    throw new KeelError('argument', 'a .npy file takes no options: floats and metadata are of .safetensors', { options });
  }
  const [only] = entries;
  if (only !== undefined && entries.length === 1) return npyChunk(only[1]);
  const count = entries.length;
  throw new KeelError('argument', `a .npy file holds one tensor, got ${count}: save them as .safetensors`, { path, count });
}

async function* npyChunk(tensor: Tensor): AsyncIterable<Uint8Array> {
  yield writeNpy({ dtype: tensor.dtype, shape: tensor.shape, data: await tensor.read() });
}
