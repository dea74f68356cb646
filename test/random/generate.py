"""Writes expected.json: what PyTorch's CPU generator gives for the rows below.

Needs PyTorch 2.13 or later on x86 with AVX2 (randint, uniform_ and trunc_normal_ differ in older releases, the last
bits of uniform_ and normal_ on other processors):

    python test/random/generate.py
"""
import json
from pathlib import Path

import torch

KEPT = 48  # of a longer result the last 48 elements are stored: the tail is what the rules of 16 make hard


def row(name, seed, *calls):
    return {"name": name, "seed": seed, "calls": [list(call) for call in calls]}


sizes = [0, 1, 2, 15, 16, 17, 31, 33, 100, 1000]
rows = [
    *(row(f"seed {seed}", seed, ("rand", "float32", 3), ("randn", "float32", 5), ("randn", "float32", 16))
      for seed in [0, 123, 2**32 + 5, -1, 2**64 - 1, -(2**63)]),
    *(row(f"{call} {dtype} of every size", 123, *((call, dtype, n) for n in sizes))
      for call in ["rand", "randn"] for dtype in ["float32", "float64"]),
    row("kept normal across sizes", 7, *(("randn", "float32", n) for n in [3, 16, 1, 2, 17, 5, 0, 4])),
    row("kept normal across dtypes and calls", 8, ("randn", "float32", 1), ("rand", "float64", 2),
        ("randn", "float64", 2), ("randint", 0, 10, 3), ("normal_", "float32", 3, 2.5, 0.1), ("randperm", 5),
        ("randn", "float64", 20), ("normal_", "float64", 2, -1.0, 3.0), ("randn", "float32", 1)),
    row("reseeding drops the kept normal", 9, ("randn", "float32", 1), ("manual_seed", 10), ("randn", "float32", 2)),
    row("normal_", 11, ("normal_", "float32", 40, 100.0, 0.02), ("normal_", "float64", 18, -3.0, 7.0),
        ("normal_", "float32", 4, 1.0, 0.0), ("normal_", "float32", 17, 1.0, 0.0), ("rand", "float32", 2)),
    row("uniform_", 12, ("uniform_", "float32", 64, -0.19245008972987526, 0.19245008972987526),
        ("uniform_", "float64", 64, -0.19245008972987526, 0.19245008972987526), ("uniform_", "float32", 20, 2.1, 3.3),
        ("uniform_", "float64", 20, 2.1, 3.3), ("uniform_", "float32", 3, 5.0, 5.0),
        ("uniform_", "float32", 5, -1.5e38, 1.5e38), ("uniform_", "float64", 5, -1e290, 1e290)),
    row("uniform_ that rounds up to its end", 13, ("uniform_", "float32", 48, 16777216.0, 16777218.0)),
    row("bernoulli_", 14, ("bernoulli_", "float32", 40, 0.3), ("bernoulli_", "bool", 20, 0.9),
        ("bernoulli_", "bool", 5, 0.0), ("bernoulli_", "float64", 5, 1.0), ("rand", "float32", 2)),
    row("bernoulli of a tensor", 15, ("bernoulli", "float32", 40, 0.3), ("bernoulli", "float64", 40, 0.3),
        ("rand", "float32", 2)),
    row("randint", 16, ("randint", 0, 10, 40), ("randint", -5, 6, 17), ("randint", 3, 4, 3),
        ("randint", 0, 2**28 - 1, 8), ("randint", 0, 2**28, 8), ("randint", -7, 2**32 - 8, 8),
        ("randint", 0, 2**32 + 1, 8), ("randint", 0, 2**63 - 1, 8), ("randint", -(2**63), 2**63 - 1, 8),
        ("randint", -(2**63), 3 - 2**63, 4)),
    row("randperm", 17, *(("randperm", n) for n in [0, 1, 2, 3, 10, 700]), ("rand", "float32", 2)),
    *(row(f"trunc_normal_ {dtype}", 18, *(("trunc_normal_", dtype, *call) for call in [
        (64, 0.0, 0.02, -2.0, 2.0), (64, 0.0, 1.0, -1.0, 1.0), (5, 0.0, 1.0, -1.0, 1.0),
        (33, 1.0, 2.0, 0.0, float("inf")), (33, 0.0, 1.0, 2.0, 4.0), (7, 0.0, 1.0, 0.1, 0.3), (20, 5.0, 1.5, -1.0, 1.0),
        (4, 0.0, 1.0, 3.0, 3.0), (0, 0.0, 1.0, -2.0, 2.0), (0, 0.0, 1.0, 3.0, 4.0)]), ("rand", "float32", 2))
      for dtype in ["float32", "float64"]),
]


def run(name, *args):
    if name == "manual_seed":
        torch.manual_seed(*args)
        return []
    if name == "randint":
        return torch.randint(args[0], args[1], (args[2],))
    if name == "randperm":
        return torch.randperm(*args)
    dtype, n, *rest = getattr(torch, args[0]), *args[1:]
    if name in ("rand", "randn"):
        return getattr(torch, name)(n, dtype=dtype)
    if name == "bernoulli":
        return torch.bernoulli(torch.full((n,), *rest, dtype=dtype))
    if name == "trunc_normal_":
        return torch.nn.init.trunc_normal_(torch.empty(n, dtype=dtype), *rest)
    return getattr(torch.empty(n, dtype=dtype), name)(*rest)


def text(value):
    """The shortest decimal that reads back as the same number."""
    if isinstance(value, torch.Tensor):
        if value.dtype == torch.float32:
            return str(value.numpy())
        value = int(value) if value.dtype == torch.bool else value.item()
    return str(value)


def record(entry):
    torch.manual_seed(entry["seed"])
    steps = []
    for name, *args in entry["calls"]:
        result = run(name, *args)
        steps.append([" ".join(map(str, [name, *args])), " ".join(map(text, result[-KEPT:]))])
    return {"name": entry["name"], "seed": str(entry["seed"]), "steps": steps}


def main():
    lines = ",\n".join(json.dumps(record(entry)) for entry in rows)
    expected = f'{{"torch": "{torch.__version__}", "kept": {KEPT}, "rows": [\n{lines}\n]}}\n'
    (Path(__file__).parent / "expected.json").write_text(expected)


main()
