// The tensors that convert writes, as their elements come. May import evenkeel and neighbours.

import { KeelError, type Tensor } from 'evenkeel';
import type { Format, OpenFile, TensorEntry, TensorPart } from 'evenkeel/io';
import type { ConvertedTensor } from 'evenkeel/nn';

/** Elements of a stretch that is read at once. */
const STRETCH = 2 ** 20;

/** How --floats names the formats. */
export const floatFormats = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const;

export type Floats = keyof typeof floatFormats;

/** How a tensor of OUT is stored: as it was, but for floats where --floats says so, and whole numbers of less than 64 bits. */
export function formatOf(stored: Format, floats: Floats | null): Format {
  switch (stored) {
    case 'F64':
    case 'F32':
    case 'F16':
    case 'BF16':
      return floats === null ? stored : floatFormats[floats];
    case 'BOOL':
      return stored;
    default:
      return 'I64';
  }
}

/** A tensor of OUT: read stretch by stretch where it is one of IN, else made of those that it needs. */
export function partOf(file: OpenFile, { shape, from, make }: ConvertedTensor, format: Format): TensorPart {
  const [only, ...others] = from.map((key) => [key, entryOf(file, key)] as const);
  if (only === undefined) throw new KeelError('argument', 'a tensor is made of others', { from });
  const [key, entry] = only;
  const chunks = async function* () {
    // Columns first, which only a whole tensor can be brought out of.
    if (others.length > 0 || entry.order === 'F') {
      const tensors: Tensor[] = [];
      for (const each of from) tensors.push(await file.read(each));
      const made = make(tensors);
      yield* disposed([...tensors, made], [asDtype(made.reshape([made.size]), format)]);
      return;
    }
    const size = shape.reduce((product, extent) => product * extent, 1);
    for (let begin = 0; begin < size; begin += STRETCH) {
      const x = await file.readRange(key, begin, Math.min(size, begin + STRETCH));
      yield* disposed([x], [asDtype(x, format)]);
    }
  };
  return { shape, format, chunks };
}

/** float64 where the new file has fewer bits: rounded to float32 here, and to 16 bits where it is written. */
function asDtype(x: Tensor, format: Format): Tensor {
  return x.dtype === 'float64' && format !== 'F64' ? x.to('float32') : x;
}

function* disposed(others: readonly Tensor[], chunks: readonly Tensor[]): Iterable<Tensor> {
  try {
    yield* chunks;
  } finally {
    for (const tensor of new Set([...others, ...chunks])) tensor.dispose();
  }
}

function entryOf({ entries }: OpenFile, key: string): TensorEntry {
  const entry = entries.get(key);
  if (entry !== undefined) return entry;
  throw new KeelError('argument', `no tensor is called '${key}'`, { key });
}
