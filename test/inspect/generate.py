"""What test/inspect.test.ts expects: figures of the norms' tensors in ../models by NumPy, and two graphs that PyTorch exports,
with the norms that they are made of. Needs PyTorch (1.13 will do, and writes ONNX alone) and NumPy.

    python test/inspect/generate.py
"""

import json
import struct
from pathlib import Path

import numpy as np
import torch
from torch import nn

here = Path(__file__).parent
models = here.parent / 'models'
BINS = 16


def tensors(path):
    """The float32 and int64 tensors of a safetensors file."""
    data = path.read_bytes()
    (length,) = struct.unpack('<Q', data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop('__metadata__', None)
    kinds = {'F32': np.float32, 'I64': np.int64}
    for key, entry in header.items():
        begin, end = entry['data_offsets']
        yield key, np.frombuffer(data[8 + length + begin : 8 + length + end], kinds[entry['dtype']]).reshape(entry['shape'])


def figures(x):
    x = x.astype(np.float64).ravel()
    counts, _ = np.histogram(x, BINS, (x.min(), x.max())) if x.min() < x.max() else ([x.size] + [0] * (BINS - 1), None)
    return {
        'count': x.size,
        'min': x.min(),
        'max': x.max(),
        'mean': x.mean(),
        'deviation': x.std(),
        'nearZero': int((np.abs(x) < 1e-3).sum()),
        'counts': [int(count) for count in counts],
    }


class LayerNorm2d(nn.Module):
    def __init__(self, channels, eps):
        super().__init__()
        self.weight, self.bias, self.eps = nn.Parameter(torch.rand(channels)), nn.Parameter(torch.rand(channels)), eps

    def forward(self, x):
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt(variance + self.eps)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class RMSNorm(nn.Module):
    def __init__(self, width, eps, form):
        super().__init__()
        self.weight, self.eps, self.form = nn.Parameter(torch.rand(width)), eps, form

    def forward(self, x):
        if self.form == 'rsqrt':
            return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))
        if self.form == 'power':
            return x * (self.eps + (x * x).mean(-1, keepdim=True)) ** -0.5 * self.weight
        return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


class Zoo(nn.Module):
    """Norms of many kinds, each behind a layer of its own width, with an eps that is nobody's default."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 12, 3)
        self.batch = nn.BatchNorm2d(12, eps=1.25e-3)
        self.group = nn.GroupNorm(3, 12, eps=1.25e-4)
        self.single = nn.GroupNorm(1, 12, eps=2e-5)
        self.instance = nn.InstanceNorm2d(12, eps=3e-5, affine=True)
        self.pixel = LayerNorm2d(12, 4e-6)
        self.image = nn.LayerNorm([12, 4, 4], eps=5e-6)
        self.flat = nn.Linear(192, 10)
        self.vector = nn.BatchNorm1d(10, eps=6e-6)
        self.wide = nn.Linear(10, 14)
        self.token = nn.LayerNorm(14, eps=7e-6)
        self.rsqrt = RMSNorm(14, 8e-6, 'rsqrt')
        self.power = RMSNorm(14, 9e-6, 'power')
        self.divide = RMSNorm(14, 1.5e-6, 'divide')
        self.bare = nn.LayerNorm(14, eps=2.5e-6, elementwise_affine=False)
        self.last = nn.LayerNorm(14, eps=3.5e-6)
        self.head = nn.Linear(14, 5)

    def forward(self, x):
        x = self.group(torch.relu(self.batch(self.conv(x))))
        x = self.pixel(self.instance(self.single(x)))
        x = self.vector(self.flat(self.image(x).flatten(1)))
        x = self.divide(self.power(self.rsqrt(self.token(torch.relu(self.wide(x))))))
        return self.head(self.last(self.bare(x).tanh()))


def zoo():
    torch.manual_seed(0)
    model = Zoo()
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if value.is_floating_point():
                value.copy_(torch.rand_like(value) + 0.5)
    model.eval()
    expected = norms(model)
    torch.save(model.state_dict(), here / 'zoo.pth')
    export(model, 13)
    # LayerNormalization needs a scale, which the exporter leaves out.
    model.bare = nn.Identity()
    export(model, 17)
    return expected


def export(model, opset):
    # As it is: for inference the exporter would fold BatchNorm into the convolution.
    torch.onnx.export(model, torch.rand(2, 3, 6, 6), str(here / f'zoo{opset}.onnx'), opset_version=opset, input_names=['x'],
                      output_names=['y'], training=torch.onnx.TrainingMode.PRESERVE)


def norms(model):
    return {
        name: {
            'kind': type(module).__name__.replace('InstanceNorm2d', 'InstanceNorm'),
            'eps': getattr(module, 'eps', None),
            'groups': module.num_groups if isinstance(module, nn.GroupNorm) else None,
            'width': module.weight.numel() if getattr(module, 'weight', None) is not None else None,
        }
        for name, module in model.named_children()
        if 'Norm' in type(module).__name__
    }


def norm_figures(state):
    """Of all tensors in modules whose weight is a vector."""
    vectors = [key.rpartition('.')[0] for key, x in state.items() if key.endswith('.weight') and x.ndim == 1]
    return {key: figures(x) for key, x in state.items() if key.rpartition('.')[0] in vectors}


if __name__ == '__main__':
    paths = [path for path in sorted(models.glob('*.safetensors')) if '.expected' not in path.name]
    expected = {'zoo': zoo(), 'figures': {path.stem: norm_figures(dict(tensors(path))) for path in paths}}
    (here / 'expected.json').write_text(json.dumps(expected, indent=1) + '\n')
