// Tensors to files. May import errors and tensor.

import { KeelError } from '../errors.js';
import { Tensor } from '../tensor.js';
import type { Elements } from './elements.js';
import { cannot } from './failure.js';
import { writeNpy } from './npy.js';
import { checkOptions, type SafetensorsOptions, writeSafetensors } from './safetensorswriter.js';
import { fileSystem, fileURL } from './source.js';

/**
 * Writes tensors, by name in a Map or an object, to a `.safetensors` file, or a single one to a `.npy` file: under a
 * temporary name, which then takes the place of what is there, so that a crash leaves the old file whole.
 *
 * `options` are those of {@link writeSafetensors}.
 *
 * @throws KeelError [argument] for another extension, several tensors or options for a `.npy` file, or what is no Map or
 *   object of tensors; [file] where it cannot be written.
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
  const encode = encoderFor(String(path), entries.length, options);
  const elements = new Map<string, Elements>();
  for (const [name, tensor] of entries) {
    elements.set(name, { dtype: tensor.dtype, shape: tensor.shape, data: await tensor.read() });
  }
  const bytes = encode(elements);
  try {
    await replaceFile(fileURL(path) ?? String(path), bytes);
  } catch (error) {
    throw cannot('write', String(path), error);
  }
}

/** The tensors by name. Checked, because JavaScript can hand over anything. */
function entriesOf(tensors: unknown): [name: string, tensor: Tensor][] {
  if (typeof tensors !== 'object' || tensors === null || Array.isArray(tensors) || tensors instanceof Tensor) {
    throw noTensors(kindOf(tensors));
  }
  const entries: [unknown, unknown][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  return entries.map(([name, tensor]) => {
    if (tensor instanceof Tensor) return [String(name), tensor];
    throw noTensors(`${kindOf(tensor)} as '${String(name)}'`);
  });
}

function noTensors(given: string): KeelError {
  const message = `save takes tensors by name, a Map or an object such as { x }, got ${given}`;
  return new KeelError('argument', message, { given });
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? `a value of class ${value.constructor?.name ?? 'Object'}` : `a ${typeof value}`;
}

function encoderFor(
  path: string,
  count: number,
  options: SafetensorsOptions,
): (elements: ReadonlyMap<string, Elements>) => Uint8Array {
  const checked = checkOptions(options);
  if (path.endsWith('.safetensors')) return (elements) => writeSafetensors(elements, checked);
  if (!path.endsWith('.npy')) {
    const isTorch = /\.(pth?|ckpt)$/.test(path);
    const problem = isTorch ? "PyTorch's own format is read and not written" : `cannot tell the format of '${path}'`;
    const hint = isTorch ? '.safetensors, which safetensors.torch.load_file reads' : '.safetensors or .npy';
    throw new KeelError('argument', `${problem}: end it in ${hint}`, { path });
  }
  if (Object.keys(options).length > 0) {
    throw new KeelError('argument', 'a .npy file takes no options: floats and metadata are of .safetensors', { options });
  }
  return (elements) => {
    const [only] = elements.values();
    if (only !== undefined && count === 1) return writeNpy(only);
    throw new KeelError('argument', `a .npy file holds one tensor, got ${count}: save them as .safetensors`, {
      path,
      count,
    });
  };
}

async function replaceFile(path: string | URL, bytes: Uint8Array): Promise<void> {
  const fs = fileSystem();
  // A link stays one, to what it leads to.
  const target = await fs.realpath(path).catch(() => path);
  const suffix = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}.tmp`;
  const temporary = target instanceof URL ? new URL(`${target.href}.${suffix}`) : `${target}.${suffix}`;
  try {
    const file = await fs.open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      // Else the new name may reach the disk before the bytes do.
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(temporary, target);
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
}
