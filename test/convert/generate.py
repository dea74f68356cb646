"""Writes expected.json: one reparametrized layer as PyTorch's state dicts have it, in three forms.

Needs PyTorch 2.13:

    python test/convert/generate.py

`old` and `parametrized` are state dicts of the same layer by torch.nn.utils and torch.nn.utils.parametrizations, `plain` after
the norm was removed in evaluation, in float64 from the parameters in the row's dtype. null: PyTorch has no such form of it.
"""
import json
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import parametrizations as new
from torch.nn import utils as old

warnings.simplefilter("ignore")


class Vector(nn.Module):
    def __init__(self, length):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(length))

    def forward(self, x):
        return x * self.weight


def entry(tensor):
    return {"shape": list(tensor.shape), "values": [float(value) for value in tensor.double().flatten()]}


def entries(module):
    return {key: entry(value) for key, value in module.state_dict().items()}


def weight_row(text, make, dim, dtype, name="weight"):
    first = old.weight_norm(make(), name=name, dim=dim)
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.normal_()
    first.to(dtype)
    second = new.weight_norm(make(), name=name, dim=dim).to(dtype)
    second.load_state_dict(first.state_dict())
    states = {"old": entries(first), "parametrized": entries(second)}
    states["plain"] = entries(old.remove_weight_norm(first.double(), name=name))
    return {"name": f"weight_norm of {text}, dim={dim}, {dtype}", "dtype": str(dtype).removeprefix("torch."), **states}


def spectral_row(text, make, x, dtype):
    first = old.spectral_norm(make())
    first(x)
    with torch.no_grad():
        first.weight_orig.mul_(1.5).add_(0.01)
    first = first.to(dtype).eval()
    states = {"old": entries(first), "parametrized": None}
    if first.weight_orig.ndim > 1:
        second = new.spectral_norm(make()).to(dtype).eval()
        names = {"weight_orig": "original", "weight_u": "0._u", "weight_v": "0._v"}
        second.load_state_dict(
            {f"parametrizations.weight.{names[key]}" if key in names else key: value for key, value in first.state_dict().items()})
        states["parametrized"] = entries(second)
        both = first.double(), second.double()
        both[0](x.double())
        assert torch.allclose(both[0].weight, both[1].weight, rtol=1e-14, atol=0)
    states["plain"] = entries(old.remove_spectral_norm(first.double()))
    return {"name": f"spectral_norm of {text}, {dtype}", "dtype": str(dtype).removeprefix("torch."), **states}


torch.manual_seed(0)
rows = [
    weight_row(text, make, dim, dtype, name)
    for dtype in (torch.float32, torch.float64)
    for text, make, dim, name in [
        ("Linear", lambda: nn.Linear(4, 3), 0, "weight"),
        ("Linear", lambda: nn.Linear(4, 3), 1, "weight"),
        ("Linear", lambda: nn.Linear(4, 3), None, "weight"),
        ("Linear", lambda: nn.Linear(4, 3), -2, "weight"),
        ("a square Linear", lambda: nn.Linear(3, 3, bias=False), 1, "weight"),
        ("Linear of one output", lambda: nn.Linear(4, 1), 0, "weight"),
        ("Conv2d", lambda: nn.Conv2d(3, 4, 2), 0, "weight"),
        ("Conv2d", lambda: nn.Conv2d(3, 4, 2), 1, "weight"),
        ("ConvTranspose2d", lambda: nn.ConvTranspose2d(3, 4, 2), 0, "weight"),
        ("a bias", lambda: nn.Linear(4, 3), 0, "bias"),
        ("weight_hh_l0 of an LSTM", lambda: nn.LSTM(2, 3), 0, "weight_hh_l0"),
    ]
] + [
    spectral_row(text, make, x, dtype)
    for dtype in (torch.float32, torch.float64)
    for text, make, x in [
        ("Linear", lambda: nn.Linear(4, 3), torch.randn(2, 4)),
        ("a square Linear", lambda: nn.Linear(5, 5), torch.randn(2, 5)),
        ("Conv2d", lambda: nn.Conv2d(3, 4, 3), torch.randn(1, 3, 5, 5)),
        ("ConvTranspose2d", lambda: nn.ConvTranspose2d(3, 4, 2), torch.randn(1, 3, 4, 4)),
        ("a square ConvTranspose2d", lambda: nn.ConvTranspose2d(4, 4, 3), torch.randn(1, 4, 4, 4)),
        ("a vector", lambda: Vector(4), torch.randn(4)),
    ]
]
path = Path(__file__).with_name("expected.json")
path.write_text("[\n" + ",\n".join(json.dumps(each) for each in rows) + "\n]\n")
