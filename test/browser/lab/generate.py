"""Writes expected.json: what PyTorch gives for the figures that the lab shows, a section for each screen.

Needs PyTorch 2.13:

    python test/browser/lab/generate.py
"""
import json
from pathlib import Path

import torch
from torch import nn


def steps():
    """The set of x[1, 2, 0] by LayerNorm(4), of 0 to 23, and of PyTorch's randn of seed 123; its way back; the mistakes."""
    named = torch.arange(24, dtype=torch.float64).reshape(2, 3, 4)
    torch.manual_seed(123)
    drawn = torch.randn(2, 3, 4).double()
    torch.manual_seed(1)
    dy = torch.randn(2, 3, 4).double()

    def row(x):
        x = x.clone().requires_grad_()
        layer = nn.LayerNorm(4).double()
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([1.0, 2.0, 0.5, -1.0]))
            layer.bias.fill_(0.25)
        y = layer(x)
        y.backward(dy)
        v = x.detach()[1, 2]
        variance = v.var(unbiased=False)
        return {
            "mean": v.mean().item(), "variance": variance.item(), "root": (variance + 1e-5).sqrt().item(), "y": y[1, 2].tolist(),
            "dx": x.grad[1, 2].tolist(), "dgamma": layer.weight.grad.tolist(), "dbeta": layer.bias.grad.tolist(),
        }

    def mistakes(plus):
        """y of x[1, 2, 0] by each way of computing, of 20 to 23 and so much."""
        x = torch.arange(20, 24, dtype=torch.float32) + plus
        d = x.double() - x.double().mean()
        variance = d.square().mean()
        sums = torch.zeros(2)
        for v in x:
            sums += torch.stack([v, v * v])
        mean, mean_square = sums / 4
        difference = (x - mean) / (mean_square - mean * mean + 1e-5).sqrt()
        ways = {
            "layer": nn.LayerNorm(4)(x), "unbiased": d / (x.double().var() + 1e-5).sqrt(), "outside": d / (variance.sqrt() + 1e-5),
            "difference": difference,
        }
        return {"plus": plus, **{name: y[0].item() for name, y in ways.items()}}

    return {"named": row(named), "randn": row(drawn), "mistakes": [mistakes(plus) for plus in (0, 10_000, 1_000_000)]}


def running(size, batches, momentum, drift, seed, stop):
    layer = nn.BatchNorm1d(1, momentum=momentum)
    keras_mean, keras_variance = torch.zeros(1), torch.ones(1)
    torch.manual_seed(seed)
    for i in range(batches):
        x = torch.randn(size, 1) * 2 + drift * i / (batches - 1)
        layer(x)
        if momentum is not None:
            keras_mean = keras_mean * momentum + x.mean(0) * (1 - momentum)
            keras_variance = keras_variance * momentum + x.var(0, unbiased=False) * (1 - momentum)
        if i + 1 == stop:
            kept = nn.BatchNorm1d(1)
            kept.load_state_dict(layer.state_dict() | {"weight": torch.ones(1), "bias": torch.zeros(1)})
            row = {
                "mean": layer.running_mean.item(), "variance": layer.running_var.item(), "batch": x.mean().item(),
                "biased": x.var(unbiased=False).item(), "unbiased": x.var().item(),
                "keras": None if momentum is None else [keras_mean.item(), keras_variance.item()],
            }
    y = kept.eval()(x)
    one = torch.randn(1, 1) * 2
    try:
        nn.BatchNorm1d(1)(one)
        message = None
    except ValueError as error:
        message = str(error)
    return {
        "address": {"n": size, "batches": batches, "momentum": "none" if momentum is None else momentum, "drift": drift, "seed": seed, "stop": stop},
        **row, "stale": [y.mean().item(), y.var(unbiased=False).sqrt().item(), (y - nn.BatchNorm1d(1)(x)).abs().max().item()],
        "message": message, "one": [one.item(), kept(one).item()],
    }


expected = {
    "steps": steps(),
    "running": [
        running(8, 40, 0.1, 4, 0, 20), running(2, 20, 0.99, 10, 1, 20), running(32, 100, None, 1, 2, 60), running(8, 40, 0.9, 0, 0, 1),
    ],
}
(Path(__file__).parent / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
