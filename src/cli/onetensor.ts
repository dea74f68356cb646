// One tensor of a file, whole in memory, as numbers that layers take. May import evenkeel.

import { resolve } from 'node:path';
import { KeelError, type Tensor } from 'evenkeel';
import { chosenIn, withInput } from './normalize/input.js';
import type { Terminal } from './terminal.js';

/** A tensor, the name that it has in the file, and the file's as it was given. */
export interface OneTensor {
  readonly x: Tensor;
  readonly entry: string;
  readonly label: string;
}

/**
 * The only tensor of a file, or the one that is named; integers become float32.
 *
 * @param limits the most elements, and what the tensor is for: `compared on`
 * @throws KeelError [argument] for several tensors, [size] for too large a one, [dtype] for truth values; [file] of open.
 */
export function oneTensor(
  file: string, entries: readonly string[], terminal: Terminal, { most, use }: { readonly most: number; readonly use: string },
): Promise<OneTensor> {
  return withInput(file, terminal, (path) => resolve(terminal.cwd, path), async (input) => {
    const names = chosenIn(input, entries, false);
    const [entry = ''] = names;
    const { shape = [], dtype } = input.file.entries.get(entry) ?? {};
    if (names.length > 1) throw new KeelError('argument', `one tensor is ${use}: give one --entry`, { entries });
    const size = shape.reduce((a, b) => a * b, 1);
    if (size > most) throw new KeelError('size', `'${file}' has ${size} elements, and ${most} at most are ${use}`, { size, limit: most });
    if (dtype === 'bool') throw new KeelError('dtype', `'${file}' holds truth values, which are not normalized`, { dtype });
    const read = await input.file.read(entry);
    const x = dtype === 'int64' ? read.to('float32') : read;
    if (x !== read) read.dispose();
    return { x, entry, label: input.name };
  });
}
