"""Writes expected.json: the numbers between x and y, and dL/dx, of one set, from PyTorch in float64.

Needs PyTorch 2.13:

    python test/steps/generate.py

A row is a layer as PyTorch prints it on a shape. `sets` has for every element the number of its set, `parameters`
that of its parameter, as plain code writes it down for that row; `gamma` and `beta` lie in memory order. Sets are numbered as
they first occur.
"""
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
# The layer, the shape, what the elements of a set share, the place of their parameter.
rows = [
    ("nn.LayerNorm(4)", [2, 3, 4], lambda n, c, l: (n, c), lambda n, c, l: l, nn.LayerNorm(4)),
    ("nn.LayerNorm([3, 4])", [2, 3, 4], lambda n, c, l: n, lambda n, c, l: c * 4 + l, nn.LayerNorm([3, 4])),
    ("nn.BatchNorm1d(3)", [2, 3, 4], lambda n, c, l: c, lambda n, c, l: c, nn.BatchNorm1d(3)),
    ("nn.InstanceNorm1d(3)", [2, 3, 4], lambda n, c, l: (n, c), None, nn.InstanceNorm1d(3)),
    ("nn.InstanceNorm1d(3, affine=True)", [2, 3, 4], lambda n, c, l: (n, c), lambda n, c, l: c, nn.InstanceNorm1d(3, affine=True)),
    ("nn.GroupNorm(3, 6, eps=0.001)", [2, 6, 2], lambda n, c, l: (n, c // 2), lambda n, c, l: c, nn.GroupNorm(3, 6, eps=1e-3)),
    ("nn.RMSNorm(4)", [2, 3, 4], lambda n, c, l: (n, c), lambda n, c, l: l, nn.RMSNorm(4)),
    ("nn.RMSNorm(4, eps=1e-06)", [2, 3, 4], lambda n, c, l: (n, c), lambda n, c, l: l, nn.RMSNorm(4, eps=1e-6)),
]


def numbers(*shape):
    return torch.randn(*shape)


def numbered(shape, key):
    places = [key(*index) for index in torch.cartesian_prod(*[torch.arange(s) for s in shape]).tolist()]
    order = {place: i for i, place in enumerate(dict.fromkeys(places))}
    return [order[place] for place in places]


def row(text, shape, key, parameter, layer):
    x = (numbers(*shape) * 2 + 3).requires_grad_()
    dy = numbers(*shape)
    sets = numbered(shape, key)
    names = None if parameter is None else [parameter(*i) for i in torch.cartesian_prod(*[torch.arange(s) for s in shape]).tolist()]
    for tensor in layer.parameters():
        with torch.no_grad():
            tensor.copy_(numbers(*tensor.shape))
    y = layer(x)
    y.backward(dy)
    measured = []
    for place in range(max(sets) + 1):
        v = x.detach().flatten()[[i for i, s in enumerate(sets) if s == place]]
        spread = v.square().mean() if "RMS" in text else v.var(unbiased=False)
        eps = torch.finfo(v.dtype).eps if layer.eps is None else layer.eps
        measured.append({
            "sum": v.sum().item(), "mean": v.mean().item(), "variance": spread.item(), "unbiased": v.var().item(),
            "root": (spread + eps).sqrt().item(),
        })
    listed = lambda t: None if t is None else t.flatten().tolist()
    gradient = lambda t: None if t is None else t.grad.flatten().tolist()
    weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
    return {
        "layer": text, "shape": shape, "x": listed(x.detach()), "dy": listed(dy), "gamma": listed(weight), "beta": listed(bias),
        "sets": sets, "parameters": names, "measured": measured, "y": listed(y.detach()), "dx": listed(x.grad),
        "dgamma": gradient(weight), "dbeta": gradient(bias),
    }


def normalized():
    """F.normalize, with one row that is shorter than eps."""
    x = torch.cat([numbers(2, 4), numbers(1, 4) * 1e-14]).requires_grad_()
    dy = numbers(3, 4)
    y = F.normalize(x, dim=1)
    y.backward(dy)
    return {"x": x.flatten().tolist(), "dy": dy.flatten().tolist(), "y": y.flatten().tolist(), "dx": x.grad.flatten().tolist()}


def cancelled(offset):
    """E[x²] − E[x]² of counting numbers in float32, one element after another, and the same in float64."""
    x = [torch.tensor(v + offset, dtype=torch.float32) for v in (9.0, 10.0, 11.0, 12.0)]
    total, squares = torch.tensor(0.0, dtype=torch.float32), torch.tensor(0.0, dtype=torch.float32)
    for v in x:
        total, squares = total + v, squares + v * v
    mean = total / 4
    variance = squares / 4 - mean * mean
    y = [((v - mean) / (variance + torch.tensor(1e-5, dtype=torch.float32)).sqrt()).item() for v in x]
    right = F.layer_norm(torch.stack(x).double(), [4]).tolist()
    return {"offset": offset, "variance": variance.item(), "y": y, "right": right}


if __name__ == "__main__":
    torch.manual_seed(4)
    expected = {
        "layers": [row(*r) for r in rows],
        "l2": normalized(),
        "cancelled": [cancelled(offset) for offset in (0.0, 1e3, 1e4, 1e5, 1e6)],
    }
    (Path(__file__).parent / "expected.json").write_text(json.dumps(expected) + "\n")
