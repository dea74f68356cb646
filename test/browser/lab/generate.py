"""Writes expected.json: what PyTorch gives for the figures that the lab shows, a section for each screen.

Needs PyTorch 2.13:

    python test/browser/lab/generate.py
"""
import json
import re
import traceback
from pathlib import Path

import numpy as np
import torch
from torch import nn

from generateblocks import sections

data = Path(__file__).parents[3] / "data"


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


def photographs(square):
    whole = torch.from_numpy(np.load(data / "photos_nchw.npy")).float() / 255
    return nn.functional.avg_pool2d(whole.double(), square) if square > 1 else whole.double()


def six(x):
    """The layers of screen 2 on N × C × H × W, in its order."""
    _, c, h, w = x.shape
    last = nn.LayerNorm(c).double()(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    # LayerNorm2d as the documents write it.
    mean, variance = x.mean(1, keepdim=True), x.var(1, unbiased=False, keepdim=True)
    return {
        "pixel": last, "layer2d": (x - mean) / (variance + 1e-5).sqrt(), "sample": nn.LayerNorm([c, h, w]).double()(x),
        "group": nn.GroupNorm(1, c).double()(x), "instance": nn.InstanceNorm2d(c).double()(x), "batch": nn.BatchNorm2d(c).double()(x),
    }


def names():
    """The outputs' largest differences, their ends, and values of some places; the worked example."""
    torch.manual_seed(123)
    drawn = torch.randn(2, 3, 8, 8)
    digits = torch.from_numpy(np.load(data / "digits_images.npy")).float() / 16
    inputs = {"photo": photographs(4), "digits": digits[:6].unsqueeze(1).double(), "randn": drawn.double()}

    def row(name, x):
        outputs = {key: y.detach() for key, y in six(x).items()}
        at = [[n, h, w] for n in range(x.shape[0]) for h, w in ((0, 0), (3, 5), (7, 2), (x.shape[2] - 1, x.shape[3] - 1))]
        return {
            "input": name,
            "differences": [[(a - b).abs().max().item() for b in outputs.values()] for a in outputs.values()],
            "ends": {key: [y.min().item(), y.max().item()] for key, y in outputs.items()},
            "at": at,
            "values": {key: [y[n, :, h, w].tolist() for n, h, w in at] for key, y in outputs.items()},
        }

    torch.manual_seed(123)
    x = torch.randn(2, 3, 4)
    worked = {"x": x.flatten().tolist(), "layer": nn.LayerNorm(4)(x).flatten().tolist(), "instance": nn.InstanceNorm2d(3)(x.reshape(2, 3, 4, 1)).flatten().tolist()}
    return {"inputs": [row(*item) for item in inputs.items()], "worked": worked}


def raised(call):
    try:
        call()
    except Exception as error:
        # Where files lie is left out.
        return {"message": str(error), "traceback": re.sub(r'File "[^"]*/((?:torch|test)/)', r'File "\1', traceback.format_exc())}
    raise AssertionError("PyTorch takes it")


def channels():
    """Means as native_layer_norm counts them, differences on randn of seed 0, a photograph by pixel, and what PyTorch raises."""
    photo = photographs(1)[:1]
    y = six(photo)["pixel"].detach()
    torch.manual_seed(0)
    x = torch.randn(100, 96, 8, 8)
    width, pixel, sample = nn.LayerNorm(8)(x), nn.LayerNorm(96, eps=1e-6)(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), nn.LayerNorm([96, 8, 8])(x)
    means = lambda x, shape: torch.native_layer_norm(x, shape, None, None, 1e-5)[1].numel()
    at = [[0, 0], [50, 100], [112, 60], [200, 150]]
    return {
        "photo": {"means": means(photo.permute(0, 2, 3, 1), [3]), "bytes": 2 * 4 * photo.numel(), "at": at, "values": [y[0, :, h, w].tolist() for h, w in at]},
        "averages": {
            "means": means(x, [8]), "pixel": means(x.permute(0, 2, 3, 1), [96]), "sample": means(x, [96, 8, 8]),
            "fromPixel": (width - pixel).abs().max().item(), "fromSample": (width - sample).abs().max().item(),
        },
        "convnext": means(torch.zeros(1, 56, 56, 96), [96]),
        "errors": {
            "image": raised(lambda: nn.LayerNorm(96)(x)),
            "weight": raised(lambda: nn.functional.layer_norm(x[:2], x.shape[1:], torch.ones(96), torch.ones(96))),
            "batch": raised(lambda: nn.BatchNorm1d(32)(torch.zeros(8, 16, 32))),
            "rank": raised(lambda: nn.BatchNorm2d(3)(torch.zeros(3, 8, 8))),
            "one": raised(lambda: nn.BatchNorm1d(512)(torch.zeros(1, 512))),
            "group": raised(lambda: nn.GroupNorm(8, 96)(torch.zeros(2, 8, 8, 96))),
        },
    }


expected = {
    "names": names(),
    "channels": channels(),
    "steps": steps(),
    "running": [
        running(8, 40, 0.1, 4, 0, 20), running(2, 20, 0.99, 10, 1, 20), running(32, 100, None, 1, 2, 60), running(8, 40, 0.9, 0, 0, 1),
    ],
    **sections(),
}
(Path(__file__).parent / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
