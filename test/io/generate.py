"""Writes the files of this folder: checkpoints as PyTorch saves them, and what is in them.

    python test/io/generate.py      (PyTorch 2.13, NumPy 2.3, safetensors 0.8.0)

Every tensor's values are in expected.json, as torch.save and safetensors wrote them; NAME.pth holds what it says there
under 'NAME', or is one of the refused, which hold something else than a state dict.
"""
import argparse
import collections
import datetime
import io
import json
import os
import pathlib
import pickle
import zipfile

import numpy as np
import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
expected = {}


def path(name):
    return os.path.join(HERE, name)


def describe(x):
    values = x.detach().to(torch.float64) if x.is_floating_point() else x
    return {'dtype': str(x.dtype).removeprefix('torch.'), 'shape': list(x.shape), 'values': values.flatten().tolist()}


def keep(name, value, state=None, **options):
    torch.save(value, path(f'{name}.pth'), **options)
    state = value if state is None else state
    expected[name] = {key: describe(x) for key, x in state.items() if isinstance(x, torch.Tensor)}


base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 8
dtypes = {
    str(dtype).removeprefix('torch.'): torch.tensor([0, 1, 3, 100], dtype=dtype)
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
                  torch.int8, torch.uint8)
}
dtypes['negative'] = torch.tensor([-1, -128], dtype=torch.int8)
dtypes['bool'] = torch.tensor([True, False, True])
keep('dtypes', dtypes)

keep('views', {
    'permuted': base.permute(2, 0, 1),
    'part': base[1, 1:, ::2],
    'last': base[-1, -1, -1],
    'expanded': base[0, 0, :1].expand(3, 5),
    'diagonal': base[0].as_strided((3,), (5,)),
    'empty': base[:, :0],
    'one_axis_of_one': base[:, 1:2, :],
})

model = torch.nn.Sequential(collections.OrderedDict(fc=torch.nn.Linear(2, 2), bn=torch.nn.BatchNorm1d(2)))
with torch.no_grad():
    for i, parameter in enumerate(model.parameters()):
        parameter.copy_(torch.arange(parameter.numel()).reshape(parameter.shape) + i)
keep('parameters', dict(model.named_parameters()))
optimizer = torch.optim.Adam(model.parameters(), foreach=False)
model(torch.tensor([[1., 2.], [3., 5.]])).sum().backward()
optimizer.step()
state = model.state_dict()
for protocol in range(2, 6):
    keep(f'protocol{protocol}', state, pickle_protocol=protocol)
keep('training', {
    'epoch': 3, 'best': 0.5, 'big': 2 ** 70, 'name': 'é', 'raw': b'\x00\xff', 'none': None, 'done': True,
    'model': state, 'optimizer': optimizer.state_dict(), 'history': [1.5, 2.5], 'seen': {1, 2},
    'dtype': torch.float32, 'device': torch.device('cuda:0'), 'size': torch.Size([2, 3]),
}, state)
settings = argparse.Namespace(lr=0.1, output_dir=pathlib.PosixPath('/out'), started=datetime.datetime(2024, 1, 2))
keep('settings', {'model': state, 'args': settings, 'epoch': np.int64(3), 'rng': np.random.RandomState(5).get_state(), 'best': np.float32(0.5)}, state)
several = {'model': state, 'ema': {'model': {'w': torch.ones(2)}}, 'best': torch.tensor(76.)}
torch.save(several, path('several.pth'))
keep('tensor', base, {'tensor': base})
keep('no_parameters', torch.nn.ReLU().state_dict())

# The same records, deflated.
buffer = io.BytesIO()
torch.save({'zeros': torch.zeros(500), 'ramp': torch.arange(100.)}, buffer)
expected['deflated'] = {'zeros': describe(torch.zeros(500)), 'ramp': describe(torch.arange(100.))}
with zipfile.ZipFile(buffer) as stored, zipfile.ZipFile(path('deflated.pth'), 'w', zipfile.ZIP_DEFLATED) as deflated:
    for info in stored.infolist():
        deflated.writestr(zipfile.ZipInfo(info.filename), stored.read(info.filename), zipfile.ZIP_DEFLATED)

# Refused.
torch.save(model, path('whole_module.pth'))
torch.save({'x': torch.zeros(2, dtype=torch.complex64)}, path('complex.pth'))
torch.save({'x': torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.qint8)}, path('quantized.pth'))
torch.save({'x': torch.eye(2).to_sparse()}, path('sparse.pth'))
torch.save({'x': torch.zeros(2), 'lr': np.float64(0.1)}, path('numpy_scalar.pth'))
torch.save(optimizer.state_dict(), path('optimizer.pth'))
torch.save([torch.zeros(2)], path('list.pth'))
torch.save(state, path('legacy.pth'), _use_new_zipfile_serialization=False)
torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), path('torchscript.pth'))
with open(path('plain_pickle.pth'), 'wb') as file:
    pickle.dump({'x': [1.0]}, file)
np.savez(path('arrays.npz'), x=np.zeros(2))

# float32 numbers of every size, and the halves that PyTorch rounds them to.
rng = np.random.default_rng(5)
bits = np.concatenate([rng.integers(0, 2 ** 32, 1500, dtype=np.uint32),
                       # around float16's numbers, with halves to round to even
                       (rng.uniform(-65000, 65000, 500).astype(np.float16).astype(np.float32).view(np.uint32)
                        + rng.choice(np.array([0, 0xfff, 0x1000, 0x1001], np.uint32), 500)),
                       (rng.uniform(-2 ** -13, 2 ** -13, 500).astype(np.float32).view(np.uint32) & 0xfffff000)])
x = torch.from_numpy(bits.view(np.float32).copy())
x = x[~x.isnan()]
tensors = {'x': x, 'b.é': x[:3].clone(), 'b.\U00010000': x[3:5].clone(), 'b.\uffff': x[:1].clone(), '10': x[:2].clone(), '9': torch.tensor(7),
           'double': torch.tensor([0.1], dtype=torch.float64), 'mask': torch.tensor([True, False])}
for name, dtype in (('float32', torch.float32), ('float16', torch.float16), ('bfloat16', torch.bfloat16)):
    rounded = {key: each.to(dtype) if each.dtype == torch.float32 else each for key, each in tensors.items()}
    save_file(rounded, path(f'{name}.safetensors'), metadata={'format': 'pt'})

with open(path('expected.json'), 'w') as file:
    json.dump({'generator': {'torch': torch.__version__, 'numpy': np.__version__, 'safetensors': '0.8.0'}, **expected}, file, ensure_ascii=False)
    file.write('\n')
