// Weight, bias and running statistics out of files. May import evenkeel and evenkeel/io.

import { KeelError, type Tensor } from 'evenkeel';
import { open, type OpenFile } from 'evenkeel/io';
import { didYouMean } from '../suggest.js';

/** Parameters and statistics of a layer; null where there are none. */
export interface Given {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly running: { readonly mean: Tensor; readonly variance: Tensor } | null;
}

/** Where they are: a checkpoint and what the layer's keys begin with there, or a file each. */
export interface Places {
  readonly checkpoint: string | null;
  readonly prefix: string | null;
  readonly weight: string | null;
  readonly bias: string | null;
}

/**
 * Reads what is given; `pathOf` makes paths absolute.
 *
 * @throws KeelError [argument] for a prefix without a checkpoint, parameters given twice, and names that a file lacks;
 *   [file] where one cannot be read; [dtype] for integers.
 */
export async function givenOf(places: Places, pathOf: (path: string) => string): Promise<Given> {
  const { checkpoint, prefix, weight, bias } = places;
  if (checkpoint === null) {
    if (prefix !== null) throw new KeelError('argument', '--prefix says where in a checkpoint: give --checkpoint FILE', { prefix });
    return { weight: await ofFile('--weight', weight, pathOf), bias: await ofFile('--bias', bias, pathOf), running: null };
  }
  if (weight !== null || bias !== null) {
    const option = weight === null ? '--bias' : '--weight';
    throw new KeelError('argument', `give one of --checkpoint and ${option}: each says where parameters are`, { checkpoint, option });
  }
  const file = await open(pathOf(checkpoint));
  try {
    return await ofCheckpoint(file, checkpoint, prefix ?? '');
  } finally {
    await file.close();
  }
}

const names = ['weight', 'bias', 'running_mean', 'running_var'] as const;

async function ofCheckpoint(file: OpenFile, path: string, prefix: string): Promise<Given> {
  const keys = file.keys();
  // `bn1` is `bn1.`
  const dotted = prefix === '' || prefix.endsWith('.') ? prefix : `${prefix}.`;
  const read = async (name: (typeof names)[number]) => (keys.includes(dotted + name) ? floats(dotted + name, await file.read(dotted + name)) : null);
  if (!names.some((name) => keys.includes(dotted + name))) throw nothingThere(path, dotted, keys);
  const [mean, variance] = [await read('running_mean'), await read('running_var')];
  if ((mean === null) !== (variance === null)) {
    const [there, absent] = mean === null ? ['running_var', 'running_mean'] : ['running_mean', 'running_var'];
    throw new KeelError('argument', `'${path}' has ${dotted}${there}, and no ${dotted}${absent}`, { path, prefix: dotted });
  }
  const running = mean === null || variance === null ? null : { mean, variance };
  return { weight: await read('weight'), bias: await read('bias'), running };
}

function nothingThere(path: string, prefix: string, keys: readonly string[]): KeelError {
  const prefixes = [...new Set(keys.flatMap((key) => /^(.*\.)?(?:weight|running_mean)$/.exec(key)?.slice(1, 2) ?? []))].map((each) => each ?? '');
  const hint = didYouMean(prefix, prefixes.filter((each) => each !== ''));
  const some = prefixes.slice(0, 8).map((each) => (each === '' ? "''" : each)).join(', ');
  const more = prefixes.length > 8 ? `, and ${prefixes.length - 8} more` : '';
  const choice = prefixes.length === 0 ? 'none of its keys ends in weight or running_mean' : `choose from ${some}${more}`;
  const message = `'${path}' has no ${prefix}weight, bias or running statistics${hint}: --prefix says what the layer's keys begin with; ${choice}`;
  return new KeelError('argument', message, { path, prefix });
}

/** One tensor of a file: the only one, or FILE:NAME. */
async function ofFile(option: string, place: string | null, pathOf: (path: string) => string): Promise<Tensor | null> {
  if (place === null) return null;
  const [, path = place, name = null] = /^(.+\.(?:safetensors|npz|pth?|ckpt|bin)):(.+)$/.exec(place) ?? [];
  const file = await open(pathOf(path));
  try {
    const keys = file.keys();
    const [only] = keys;
    if (name === null && only !== undefined && keys.length === 1) return floats(option, await file.read(only));
    const shown = `${keys.slice(0, 8).join(', ')}${keys.length > 8 ? `, and ${keys.length - 8} more` : ''}`;
    if (name === null) {
      throw new KeelError('argument', `'${path}' holds ${keys.length} tensors (${shown}): give ${option} '${path}:NAME'`, { path, option });
    }
    if (keys.includes(name)) return floats(option, await file.read(name));
    throw new KeelError('argument', `'${path}' has no tensor '${name}'${didYouMean(name, keys)}: it holds ${shown}`, { path, name });
  } finally {
    await file.close();
  }
}

function floats(name: string, tensor: Tensor): Tensor {
  if (tensor.dtype === 'float32' || tensor.dtype === 'float64') return tensor;
  throw new KeelError('dtype', `${name} is ${tensor.dtype}: parameters are floats`, { name, dtype: tensor.dtype });
}
