"""Writes the files of this folder: what NumPy writes to .npy and .npz, and how NumPy and PyTorch round to 16 bits.

    python test/arrays/generate.py      (PyTorch 2.13, NumPy 2.3, safetensors 0.8.0)

expected.json has files in base64 beside their elements: `values` in row-major order as texts, `ordered` in the file's own.
Of the 16-bit floats it has SHA-256 digests: `wide`, the bits of all codes as float32, with one NaN; `bits`, those of the numbers
just below half way to the next code, half way, and just above, then the same with a minus; `rounded`, the codes that these are rounded to.
"""
import base64
import hashlib
import io
import json
import os

import numpy as np
import torch
from safetensors.torch import save

HERE = os.path.dirname(os.path.abspath(__file__))


class Pipe(io.RawIOBase):
    """What cannot be sought in: numpy.savez writes sizes and sums after the records."""

    def __init__(self):
        self.parts = []

    def writable(self):
        return True

    def write(self, data):
        self.parts.append(bytes(data))
        return len(data)


def text(value):
    return str(value.item()) if value.dtype.kind in 'iub' else repr(float(value))


def base(data):
    return base64.b64encode(data).decode()


def digest(x):
    return hashlib.sha256(x.tobytes()).hexdigest()


def saved(x, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, x, version=version)
    return base(file.getvalue())


def described(x):
    is_fortran = x.flags.f_contiguous and not x.flags.c_contiguous
    values = [text(v) for v in x.flatten()]
    row = {'descr': x.dtype.str, 'shape': list(x.shape), 'order': 'F' if is_fortran else 'C', 'values': values}
    return {**row, 'ordered': [text(v) for v in x.flatten('F')]} if is_fortran else row


def ramp(shape, dtype, order='C'):
    return np.asarray(np.arange(np.prod(shape)).reshape(shape), dtype=dtype, order=order)


extremes = {
    'f2': np.array([0x0001, 0x8000, 0x7bff, 0x7c00, 0xfc00, 0x3555], np.uint16).view(np.float16),
    'f4': np.array([1e-45, -0.0, 3.4028235e38, np.inf, -np.inf, 1 / 3], np.float32),
    'f8': np.array([5e-324, -0.0, 1.7976931348623157e308, np.inf, -np.inf, 1 / 3]),
    **{f'{kind}{width}': np.array([np.iinfo(f'{kind}{width}').min, np.iinfo(f'{kind}{width}').max, 0, 1, 2, 100], f'{kind}{width}')
       for kind, width in (('i', 1), ('i', 2), ('i', 4), ('i', 8), ('u', 1), ('u', 2), ('u', 4))},
    'b1': np.array([True, False, False, True, True, False]),
}
read = {}
for name, values in extremes.items():
    for order in '<>' if values.dtype.itemsize > 1 else '|':
        x = values.astype(values.dtype.newbyteorder(order)).reshape(2, 3)
        read[f'{order}{name}'] = {'file': saved(x), **described(x)}
dtypes = ('|u1', '<f2', '>i2', '<f4', '<f8', '>f8')
# The last three are larger than a tile of the transposition.
for shape, kinds in (*((shape, dtypes) for shape in ((5,), (3, 4), (2, 3, 4), (2, 3, 2, 3), (1, 4, 1, 2))), ((40, 35), ['|u1']), ((33, 2, 34), ['<f2']), ((34, 36), ['>f8'])):
    for dtype in kinds:
        x = ramp(shape, '|u1' if dtype == '|u1' else 'i2', 'F').astype(dtype, order='F')
        read[f'Fortran, {shape}, {dtype}'] = {'file': saved(x), **described(x)}
for shape in ((0,), (3, 0, 2), ()):
    x = ramp(shape, 'f4')
    read[f'shape {shape}'] = {'file': saved(x), **described(x)}
x = np.zeros((0, 3), 'f8', 'F')
read['shape (0, 3), Fortran'] = {'file': saved(x), **described(x)}
for version in (1, 2, 3):
    for order in 'CF':
        x = ramp((2, 3), '>f4', order)
        read[f'version {version}, {order}'] = {'file': saved(x, (version, 0)), **described(x)}

refused = {
    'complex64': np.zeros(2, 'c8'), 'complex128': np.zeros(2, 'c16'), 'longdouble': np.zeros(2, 'f16'), 'uint64': np.zeros(2, 'u8'),
    'structured': np.zeros(2, [('x', '<f4'), ('y', '<i4', (2,))]), 'texts': np.array(['a', 'bc']), 'byte strings': np.array([b'a', b'bc']),
    'dates': np.array(['2024-01-02'], 'M8[D]'), 'durations': np.array([5], 'm8[s]'), 'raw bytes': np.zeros(2, 'V3'),
    'objects': np.array([None, {}], object),
}
refused = {name: saved(x) for name, x in refused.items()}

arrays = {
    'x': ramp((2, 3), '<f4'), 'block/0.weight': ramp((3, 4), '<f8', 'F'), 'é': np.array([True, False]), 'scalar': np.array(7),
    'half': ramp((5,), '<f2'), 'big': ramp((2, 2), '>i4'), 'none': np.zeros((0, 2), '<f4'), 'dense/kernel:0': np.zeros((40, 50), '<f4'),
}
archives = {}
for name, write in (('stored', np.savez), ('deflated', np.savez_compressed)):
    for target in (io.BytesIO(), Pipe()):
        write(target, **arrays)
        data = target.getvalue() if isinstance(target, io.BytesIO) else b''.join(target.parts)
        archives[f"{name}{', to a pipe' if isinstance(target, Pipe) else ''}"] = base(data)
nothing = io.BytesIO()
np.savez(nothing)

# What evenkeel writes of the same arrays. Each has its format and order; the archives have all of them.
written = {
    'F32': ramp((2, 3), '<f4'), 'F64': ramp((3,), '<f8'), 'I64': ramp((2, 1, 2), '<i8'), 'BOOL': np.array([True, False]),
    'scalar': np.array(7.0, '<f4'), 'none': np.zeros((3, 0), '<f4'), 'F16': ramp((7,), '<f2'), 'Fortran': ramp((2, 3, 4), '<f4', 'F'),
    'wide': np.zeros((1,) * 30, '<f4'),
}
own = {name: x for name, x in written.items() if name not in ('F16', 'Fortran')}
seekable, pipe = io.BytesIO(), Pipe()
np.savez(seekable, **own)
np.savez(pipe, **written)

# Every dtype that safetensors and evenkeel share, each with numbers that say which.
dtypes = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.uint16, torch.float16, torch.bfloat16, torch.int32, torch.uint32, torch.float32, torch.float64, torch.int64)
every = {str(dtype): torch.tensor([1, i], dtype=dtype) for i, dtype in enumerate(dtypes)}

# Every code as float32, and what lies half way to the next code, just below and just above it.
codes = np.arange(65536, dtype=np.uint16)
wide = {'float16': codes.view(np.float16).astype(np.float32), 'bfloat16': torch.from_numpy(codes.view(np.int16)).view(torch.bfloat16).float().numpy()}
half = {}
for name, values in wide.items():
    magnitudes = values[:0x7c00 if name == 'float16' else 0x7f80]
    # The largest rounds to infinity from half a step on.
    steps = np.append(np.diff(magnitudes), magnitudes[-1] - magnitudes[-2]).astype(np.float32)
    middles = (magnitudes + steps / np.float32(2)).view(np.uint32)
    bits = np.concatenate([middles - 1, middles, middles + 1])
    bits = np.concatenate([bits, bits | np.uint32(2 ** 31)])
    floats = bits.view(np.float32)
    if name == 'float16':
        with np.errstate(over='ignore', under='ignore'):
            rounded = floats.astype(np.float16).view(np.uint16)
    else:
        rounded = torch.from_numpy(floats.copy()).bfloat16().view(torch.int16).numpy().view(np.uint16)
    half[name] = {
        'wide': digest(np.where(np.isnan(values), np.uint32(0x7fc00000), values.view(np.uint32))),
        'bits': digest(bits),
        'rounded': digest(rounded),
    }

with open(os.path.join(HERE, 'expected.json'), 'w') as file:
    json.dump({
        'generator': {'numpy': np.__version__, 'torch': torch.__version__},
        'half': half,
        'read': read,
        'refused': refused,
        'npz': {'arrays': {name: described(x) for name, x in arrays.items()}, 'files': archives, 'nothing': base(nothing.getvalue())},
        'written': {
            'files': {name: {'file': saved(x), **described(x)} for name, x in written.items()},
            'npz': base(seekable.getvalue()),
            'stream': base(b''.join(pipe.parts)),
            'safetensors': base(save(every)),
        },
    }, file, ensure_ascii=False)
    file.write('\n')

