"""Writes expected.json: what PyTorch gives for two layers one after another, and what its fusion makes of them.

Needs PyTorch 2.13:

    python test/fold/generate.py

`folded` is from torch.nn.utils.fusion in float64, of the parameters in the row's dtype; where that has no function, or fails
(groups of a transposed convolution, affine=False of a linear layer), it is null, and `y` alone says what is right: the two
layers in float64 on `x`.
"""
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import fusion


class LayerScale(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape))
        self.bias = None

    def forward(self, x):
        return x * self.weight


class Channels(nn.Module):
    """A norm of the last axis over the channels of an image."""

    def __init__(self, norm):
        super().__init__()
        self.norm, self.weight, self.bias, self.eps = norm, norm.weight, getattr(norm, "bias", None), norm.eps

    def forward(self, x):
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


def entry(tensor):
    if tensor is None:
        return None
    return {"shape": list(tensor.shape), "values": [float(value) for value in tensor.detach().double().flatten()]}


def row(name, kind, first, second, shape, dtype=torch.float32):
    modules = nn.Sequential(first, second).eval()
    with torch.no_grad():
        for key, tensor in modules.state_dict().items():
            if key.endswith("running_var"):
                tensor.uniform_(0.2, 3)
            elif tensor.is_floating_point():
                tensor.normal_()
    modules.to(dtype)
    norm, layer = (first, second) if kind.startswith(("batch-", "layer-", "rms-")) else (second, first)
    facts = {
        "name": name,
        "kind": kind,
        "dtype": str(dtype).removeprefix("torch."),
        "groups": getattr(layer, "groups", 1),
        "eps": getattr(norm, "eps", 0),
        "norm": {key: entry(getattr(norm, key, None)) for key in ["weight", "bias", "running_mean", "running_var"]},
        "layer": {key: entry(getattr(layer, key, None)) for key in ["weight", "bias"]},
    }
    modules.double()
    x = torch.randn(shape, dtype=torch.float64)
    facts["x"], facts["y"] = entry(x), entry(modules(x))
    facts["folded"] = folded(kind, layer, norm)
    return facts


def folded(kind, layer, norm):
    if kind == "linear-batch-norm" and norm.weight is not None:
        weight, bias = fusion.fuse_linear_bn_weights(
            layer.weight, layer.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
    elif kind in ("conv-batch-norm", "conv-transpose-batch-norm") and (kind == "conv-batch-norm" or layer.groups == 1):
        weight, bias = fusion.fuse_conv_bn_weights(
            layer.weight, layer.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias,
            transpose="transpose" in kind)
    else:
        return None
    return {"weight": entry(weight), "bias": entry(bias)}


torch.manual_seed(0)
double = torch.float64
rows = [
    row("Conv2d", "conv-batch-norm", nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), (2, 3, 5, 5)),
    row("Conv2d in float64", "conv-batch-norm", nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), (2, 3, 5, 5), double),
    row("Conv2d without a bias", "conv-batch-norm", nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), (2, 3, 5, 5)),
    row("Conv2d of two groups, eps 1e-3", "conv-batch-norm", nn.Conv2d(4, 6, 2, groups=2), nn.BatchNorm2d(6, eps=1e-3), (2, 4, 3, 3)),
    row("Conv2d, depthwise", "conv-batch-norm", nn.Conv2d(4, 4, 3, groups=4, bias=False), nn.BatchNorm2d(4), (2, 4, 4, 4)),
    row("Conv2d, norm without affine", "conv-batch-norm", nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4, affine=False), (2, 3, 3, 3)),
    row("Conv1d", "conv-batch-norm", nn.Conv1d(2, 3, 4), nn.BatchNorm1d(3), (2, 2, 6)),
    row("Conv3d in float64", "conv-batch-norm", nn.Conv3d(2, 3, 2), nn.BatchNorm3d(3), (2, 2, 3, 3, 3), double),
    row("ConvTranspose2d", "conv-transpose-batch-norm", nn.ConvTranspose2d(3, 4, 2), nn.BatchNorm2d(4), (2, 3, 3, 3)),
    row("ConvTranspose2d of two groups", "conv-transpose-batch-norm", nn.ConvTranspose2d(4, 6, 3, groups=2), nn.BatchNorm2d(6), (2, 4, 3, 3)),
    row("ConvTranspose2d of three groups, no bias, no affine", "conv-transpose-batch-norm",
        nn.ConvTranspose2d(6, 3, 2, groups=3, bias=False), nn.BatchNorm2d(3, affine=False), (2, 6, 2, 2)),
    row("ConvTranspose1d in float64", "conv-transpose-batch-norm", nn.ConvTranspose1d(2, 3, 3), nn.BatchNorm1d(3), (2, 2, 4), double),
    row("Linear", "linear-batch-norm", nn.Linear(5, 3), nn.BatchNorm1d(3), (4, 5)),
    row("Linear without a bias, eps 1e-3", "linear-batch-norm", nn.Linear(5, 3, bias=False), nn.BatchNorm1d(3, eps=1e-3), (4, 5)),
    row("Linear, norm without affine", "linear-batch-norm", nn.Linear(5, 3), nn.BatchNorm1d(3, affine=False), (4, 5)),
    row("norm, Conv2d", "batch-norm-conv", nn.BatchNorm2d(3), nn.Conv2d(3, 4, 2), (2, 3, 4, 4)),
    row("norm, Conv2d of two groups without a bias", "batch-norm-conv", nn.BatchNorm2d(4), nn.Conv2d(4, 6, 2, groups=2, bias=False), (2, 4, 3, 3)),
    row("norm without affine, Conv1d", "batch-norm-conv", nn.BatchNorm1d(3, affine=False), nn.Conv1d(3, 2, 3), (2, 3, 5)),
    row("norm, Linear", "batch-norm-linear", nn.BatchNorm1d(5), nn.Linear(5, 3), (4, 5)),
    row("norm, Linear in float64", "batch-norm-linear", nn.BatchNorm1d(5), nn.Linear(5, 3, bias=False), (4, 5), double),
    row("LayerNorm, Linear", "layer-norm-linear", nn.LayerNorm(6), nn.Linear(6, 4), (3, 6)),
    row("LayerNorm, Linear without a bias", "layer-norm-linear", nn.LayerNorm(6, eps=1e-3), nn.Linear(6, 4, bias=False), (3, 6)),
    row("LayerNorm without a bias, Linear", "layer-norm-linear", nn.LayerNorm(6, bias=False), nn.Linear(6, 4), (3, 6), double),
    row("LayerNorm2d, Conv2d", "layer-norm-conv", Channels(nn.LayerNorm(4, eps=1e-6)), nn.Conv2d(4, 3, 2, stride=2), (2, 4, 4, 4)),
    row("RMSNorm, Linear", "rms-norm-linear", nn.RMSNorm(6, eps=1e-6), nn.Linear(6, 4), (3, 6)),
    row("RMSNorm, Linear without a bias", "rms-norm-linear", nn.RMSNorm(6, eps=1e-6), nn.Linear(6, 4, bias=False), (3, 6)),
    row("Linear, LayerScale", "linear-layer-scale", nn.Linear(5, 3), LayerScale([3]), (4, 5)),
    row("Linear without a bias, LayerScale", "linear-layer-scale", nn.Linear(5, 3, bias=False), LayerScale([3]), (4, 5)),
    row("Conv2d, LayerScale of (C, 1, 1)", "conv-layer-scale", nn.Conv2d(2, 3, 2), LayerScale([3, 1, 1]), (2, 2, 3, 3)),
]
path = Path(__file__).with_name("expected.json")
path.write_text("[\n" + ",\n".join(json.dumps(each) for each in rows) + "\n]\n")
