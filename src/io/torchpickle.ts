// What a pickle of PyTorch may name: tensors as descriptions of where they lie, and nothing that runs. May import errors.

import type { KeelError } from '../errors.js';
import { fileError, type Format, unsupported } from './elements.js';
import { Global, Opaque, OrderedDict, Tuple, unpickle } from './pickle.js';

/** A tensor as a pickle describes it: elements of a storage by offset, sizes and strides, none of them checked yet. */
export class PickledTensor {
  constructor(
    readonly storage: PickledStorage,
    readonly format: Format,
    readonly offset: unknown,
    readonly size: Tuple,
    readonly stride: Tuple,
  ) {}
}

/**
 * The value of an archive's `data.pkl`, tensors in it as {@link PickledTensor}s.
 *
 * @throws KeelError [file] for what is malformed, and by its name for everything else that a pickle can ask for.
 * @see https://docs.pytorch.org/docs/stable/notes/serialization.html
 */
export function unpickleTorch(bytes: Uint8Array): unknown {
  // An item of a list takes a byte at least, and no list is copied twice, unless to fill memory.
  let left = bytes.length;
  const itemsOf = (list: unknown): readonly unknown[] => {
    const items = list instanceof Tuple ? list.items : list;
    if (!Array.isArray(items)) throw malformed('a container is made of no list');
    left -= items.length;
    if (left < 0) throw malformed('lists are copied again and again');
    return items;
  };
  const calls = { ...tensorCalls, ...containerCalls(itemsOf) };
  return unpickle(bytes, {
    global: (name) => {
      const call = calls[name];
      if (Object.hasOwn(calls, name) && call !== undefined) return new Global(name, call);
      if (Object.hasOwn(storages, name) || Object.hasOwn(dtypes, name)) return new Global(name, null);
      if (tensorTypes.has(name)) return new Global(name, null);
      if (opaque.has(name)) return new Global(name, () => new Opaque(name));
      throw refused(name);
    },
    persistent: storageOf,
  });
}

/** A record of elements: `key` names it in the archive, `format` is null for bytes of no dtype. */
class PickledStorage {
  constructor(
    readonly key: string,
    readonly format: Format | null,
  ) {}
}

type Call = (args: readonly unknown[]) => unknown;

const storages: Readonly<Record<string, Format | null>> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
  'torch.storage.UntypedStorage': null,
  'torch.storage.TypedStorage': null,
};

const dtypes: Readonly<Record<string, Format>> = {
  'torch.float64': 'F64',
  'torch.float32': 'F32',
  'torch.float16': 'F16',
  'torch.bfloat16': 'BF16',
  'torch.int64': 'I64',
  'torch.int32': 'I32',
  'torch.int16': 'I16',
  'torch.int8': 'I8',
  'torch.uint32': 'U32',
  'torch.uint16': 'U16',
  'torch.uint8': 'U8',
  'torch.bool': 'BOOL',
};

const tensorCalls: Readonly<Record<string, Call>> = {
  'torch._utils._rebuild_tensor': ([storage, offset, size, stride]) => tensorOf(storage, offset, size, stride),
  // Also whether it requires grad, and hooks, which are always empty here.
  'torch._utils._rebuild_tensor_v2': ([storage, offset, size, stride, , , bits]) =>
    tensorOf(storage, offset, size, stride, { bits }),
  'torch._utils._rebuild_tensor_v3': ([storage, offset, size, stride, , , dtype, bits]) =>
    tensorOf(storage, offset, size, stride, { dtype, bits }),
  'torch._utils._rebuild_parameter': ([data]) => parameterOf(data),
  'torch._utils._rebuild_parameter_with_state': ([data]) => parameterOf(data),
  'torch._tensor._rebuild_from_type_v2': ([rebuild, , args]) => withoutAttributes(rebuild, args),
  'torch.Size': ([sizes]) => sizes,
  'torch.device': ([type]) => type,
  // How protocol 2 writes bytes: as text, and the name of an encoding.
  '_codecs.encode': ([text]) => text,
};

/** Classes of tensors, as names. */
const tensorTypes: ReadonlySet<string> = new Set(['torch.Tensor', 'torch.nn.parameter.Parameter']);

/** Classes of plain data, as training scripts keep their settings beside the state dict. Nothing is made of them. */
const opaque: ReadonlySet<string> = new Set([
  'argparse.Namespace', 'types.SimpleNamespace', 'collections.Counter',
  'datetime.date', 'datetime.datetime', 'datetime.timedelta', 'datetime.timezone',
  'pathlib.Path', 'pathlib.PosixPath', 'pathlib.WindowsPath', 'pathlib._local.PosixPath', 'pathlib._local.WindowsPath',
  'numpy.dtype', 'numpy.ndarray',
  'numpy.core.multiarray.scalar', 'numpy.core.multiarray._reconstruct',
  'numpy._core.multiarray.scalar', 'numpy._core.multiarray._reconstruct',
  'yacs.config.CfgNode', 'easydict.EasyDict',
  'pytorch_lightning.utilities.parsing.AttributeDict', 'lightning_fabric.utilities.data.AttributeDict',
  'lightning.fabric.utilities.data.AttributeDict',
]);

function containerCalls(itemsOf: (list: unknown) => readonly unknown[]): Readonly<Record<string, Call>> {
  const set: Call = ([items = []]) => new Set(itemsOf(items));
  const dict: Call = ([items = []]) => {
    return new OrderedDict(
      itemsOf(items).map((pair) => {
        const [key, value] = itemsOf(pair);
        return [key, value];
      }),
    );
  };
  return {
    'collections.OrderedDict': dict,
    'builtins.set': set,
    'builtins.frozenset': set,
    // As Python 2 called it, and protocol 2 does.
    '__builtin__.set': set,
    '__builtin__.frozenset': set,
  };
}

/** What a persistent id stands for: ('storage', class, record, device, number of elements). */
function storageOf(id: unknown): PickledStorage {
  const [kind, type, key] = id instanceof Tuple ? id.items : [];
  if (kind === 'storage' && type instanceof Global && Object.hasOwn(storages, type.name) && typeof key === 'string') {
    return new PickledStorage(key, storages[type.name] ?? null);
  }
  throw malformed('a persistent id names no storage');
}

/** Why a name is refused, by how it begins. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/^torch\.(Complex|complex)/, 'complex numbers are not read: save torch.view_as_real(x)'],
  [/^torch\.(Q|q)|_rebuild_qtensor$/, 'quantized tensors are not read: save x.dequantize()'],
  [/^torch\._utils\._rebuild_sparse/, 'sparse tensors are not read: save x.to_dense()'],
  [/^torch\.(uint64|float8|float4)/, 'this dtype is not read: convert with x.to(torch.float32)'],
  [/^numpy\./, 'numbers and arrays of NumPy are not read: save x.item() or torch.from_numpy(x)'],
];

/** The error about something that is not read, by its dotted name. */
export function refused(name: string): KeelError {
  const known = reasons.find(([pattern]) => pattern.test(name));
  const reason =
    known?.[1] ?? 'nothing but tensors and plain containers is read, and nothing is run: save model.state_dict()';
  return unsupported(`the pickle asks for '${name}', which is refused: ${reason}`, { global: name });
}

interface Extras {
  readonly dtype?: unknown;
  /** Of a view that PyTorch negates or conjugates as it reads: `{ neg: True }`. */
  readonly bits?: unknown;
}

function tensorOf(storage: unknown, offset: unknown, size: unknown, stride: unknown, { dtype, bits }: Extras = {}): PickledTensor {
  if (bits instanceof Map && [...bits.values()].includes(true)) {
    throw unsupported('a tensor whose elements are negated or conjugated is not read: save x.resolve_neg()', { bits: [...bits] });
  }
  if (storage instanceof PickledStorage && size instanceof Tuple && stride instanceof Tuple) {
    const format = dtype instanceof Global ? dtypes[dtype.name] : storage.format;
    if (format !== null && format !== undefined) return new PickledTensor(storage, format, offset, size, stride);
  }
  throw malformed('a tensor is no storage, offset, sizes and strides');
}

function parameterOf(data: unknown): PickledTensor {
  if (data instanceof PickledTensor) return data;
  throw malformed('a parameter is no tensor');
}

/** A tensor that has attributes of its own. A function of torch._utils makes it, so that this one never calls itself. */
function withoutAttributes(rebuild: unknown, args: unknown): PickledTensor {
  const isPlain = rebuild instanceof Global && rebuild.name.startsWith('torch._utils.') && args instanceof Tuple;
  return parameterOf(isPlain ? rebuild.call?.(args.items) : null);
}

function malformed(problem: string): KeelError {
  return fileError(`malformed pickle: ${problem}`, { problem });
}
