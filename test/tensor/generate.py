"""Writes expected.json: what PyTorch makes of ranges, and how it prints tensors.

Needs PyTorch 2.13 or later on x86 with AVX2 (the last bits of linspace differ in older releases and on other
processors):

    python test/tensor/generate.py
"""
import json
import math
import random
from pathlib import Path

import torch

INF, NAN = math.inf, math.nan


def plain(value):
    """JSON has no infinities, no NaN, and JavaScript's reader no large integers."""
    exact = math.isfinite(value) if isinstance(value, float) else abs(value) <= 2**53
    return value if exact else str(value)


def stored(x, **more):
    """A tensor's elements in order."""
    flat = x.detach().reshape(-1).tolist()
    return {"shape": list(x.shape), "dtype": str(x.dtype).removeprefix("torch."), "values": [plain(v) for v in flat],
            **more}


def linspaces():
    random.seed(1)
    fixed = [(0, 23, 24), (0, 1, 11), (-1, 1, 10), (0, 1, 3), (3, 3, 4), (5, -5, 8), (0, 1, 1), (2, 7, 0),
             (-1e20, 1e20, 7), (1e-30, 1e-28, 9), (0.1, 0.7, 100)]
    drawn = [(random.gauss(0, 10), random.gauss(0, 10), random.randint(2, 40)) for _ in range(12)]
    return [{"start": a, "end": b, "steps": n, **stored(torch.linspace(a, b, n))} for a, b, n in fixed + drawn]


def aranges():
    rows = [(0, 5, 1), (2, 10, 3), (5, 0, -2), (0, 0, 1), (1, 2, 5), (0, 1, 0.25), (-1.5, 2, 0.5), (0, 20, 7)]
    return [{"start": a, "end": b, "step": s, **stored(torch.arange(a, b, s, dtype=torch.float32))} for a, b, s in rows]


def prints():
    def f(values, dtype=torch.float32):
        return torch.tensor(values, dtype=dtype)

    wide = torch.arange(40, dtype=torch.float32)
    mixed = [0.5, -1.25, 3.0, 100.125]
    made = [
        f(1.0), f(-0.0), f(0.1), f(3.14159265), f(1e-5), f(123456.0), f(1e9), f(NAN), f(INF), f(-INF),
        f(1.0, torch.float64), f(1 / 3, torch.float64),
        f(7, torch.int64), f(-7, torch.int64), f(True, torch.bool), f(2**62, torch.int64),
        f([]), torch.zeros(0, 3), torch.zeros(2, 0, 4), torch.zeros(0, dtype=torch.int64),
        torch.zeros(2, 0, dtype=torch.bool),
        torch.zeros(0, dtype=torch.float64), torch.zeros(3, 0, dtype=torch.float64),
        f([1, 2, 3]), f([1.5, 2, 3]), f([0.0, -0.0]), f([-0.0, 1.0]), f([-0.00001, 1.0]), f([-0.00004, 0.00004]),
        f([0.99999, 1.0]), f([9.99996]),
        f([1e-4, 1.0]), f([9e-5, 1.0]), f([1.0, 1000.0]), f([1.0, 1001.5]), f([0.001, 1.0]), f([0.0009, 1.0]),
        f([1e8, 1e5]), f([1.1e8, 1e6]),
        f([100000000.0]), f([100000008.0]), f([16777216.5]), f([1e20, 1.0]), f([1e38, 1e-38]), f([1e-45]),
        f([1e-7, 2e-7]), f([123456789.0, 0.5]),
        f([0.0, 0.0, 0.0]), torch.zeros(30), f([NAN, 1.0]), f([INF, 1.0, -INF]), f([NAN, NAN]), f([INF]),
        f([NAN, 1.5, INF]), f([-INF, 1e-9, 0.0]), f([NAN, 0.0]),
        f([1e300, 1e-300], torch.float64), f([0.5, 1.5], torch.float64), f([1e-9, 1.0], torch.float64),
        f([1e100], torch.float64),
        f([2.5, -2.5, 0.00005, 1.00005]), f([0.12345, 0.54321, 0.00015]), f([1.00005, 2.00015], torch.float64),
        f([0.03125, 0.09375, -0.03125, 0.21875]), f([9.96875, 9.99996875]),
        f([100005.0, 1e9, 300015.0, -500025.0, 0.0]), f([999995.0, 1e9]),
        f([[1, 2], [3, 4]]), f([mixed, mixed]), f([[1], [-2]]), f([[True, False], [False, True]], torch.bool),
        f([[1, -20], [300, 4]], torch.int64),
        wide, wide / 7, wide * 1000, wide.long(), wide > 20, wide.double() / 3, wide.reshape(2, 20),
        (wide / 7).reshape(2, 20), -wide.reshape(4, 10),
        (wide * 1e10).reshape(4, 10), wide[:24].reshape(2, 3, 4), wide[:16].reshape(2, 2, 2, 2) / 10,
        wide[:4].reshape(1, 1, 1, 4), wide[:3].reshape(3, 1, 1),
        torch.arange(24, dtype=torch.int64).reshape(2, 3, 4) * 1000, (wide[:24] > 11).reshape(2, 1, 12),
        torch.zeros(2, 2, 2, 2, 2),
        torch.arange(1000, dtype=torch.float32)[990:], torch.cat([wide, f([NAN])]),
    ]
    rows = [stored(x, text=str(x)) for x in made]
    ranges = [(1000, [1000], 1.0), (1001, [1001], 1.0), (2000, [2000], 0.5), (2000, [40, 50], 0.25),
              (2401, [7, 7, 49], 1.0), (1200, [2, 600], 1e-3 * 1024),
              (3600, [10, 10, 6, 6], 1.0), (1500, [1500], -1e6), (1100, [1, 1100], 1.0), (1200, [400, 3], 1.0),
              (1024, [4, 4, 4, 4, 4], 1.0)]
    for count, shape, step in ranges:
        x = (torch.arange(count, dtype=torch.float64) * step).float().reshape(shape)
        rows.append({"shape": shape, "dtype": "float32", "step": step, "text": str(x)})
    long = torch.arange(1500) * 7
    rows.append({"shape": [1500], "dtype": "int64", "step": 7, "text": str(long)})
    for x in [f([1.0, 2.5]), f(3.0), torch.zeros(0, 2), f([1.0], torch.float64), wide]:
        x.requires_grad_()
        rows.append(stored(x, text=str(x), requiresGrad=True))
    return rows


if __name__ == "__main__":
    found = {"linspace": linspaces(), "arange": aranges(), "print": prints()}
    (Path(__file__).parent / "expected.json").write_text(json.dumps(found, allow_nan=False, indent=None) + "\n")
    print({key: len(rows) for key, rows in found.items()})
