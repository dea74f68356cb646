"""Where PyTorch finds the largest and least element: `python test/argmax/generate.py` writes expected.json. Any release will do."""

import json
from pathlib import Path

import torch

nan, inf = float("nan"), float("inf")
inputs = {
    "a matrix": [[1, 5, 2], [7, 0, 7]],
    "equal elements": [[3, 3, 3], [2, 2, 1]],
    "NaN": [[1, nan, 5], [nan, nan, 0], [4, 6, nan]],
    "infinities": [[inf, inf, 0], [-inf, 0, -inf], [-inf, -inf, -inf]],
    "three axes": [[[4, 2], [1, 8]], [[8, 8], [0, -3]]],
    "a vector": [2, 9, 4, 9],
    "one element": [[5]],
    "a scalar": 5,
}


def rows():
    for name, values in inputs.items():
        x = torch.tensor(values, dtype=torch.float32)
        for dim in [None, *range(-x.dim(), x.dim())]:
            for keepdim in [False, True]:
                results = [f(x, dim, keepdim).tolist() for f in (torch.argmax, torch.argmin)]
                yield {"name": name, "dim": dim, "keepdim": keepdim, "results": results}


text = {name: [str(v) for v in torch.tensor(values, dtype=torch.float32).reshape(-1).tolist()] for name, values in inputs.items()}
shapes = {name: list(torch.tensor(values).shape) for name, values in inputs.items()}
path = Path(__file__).parent / "expected.json"
path.write_text(json.dumps({"values": text, "shapes": shapes, "rows": list(rows())}) + "\n")
