"""A case: an op, its arguments and its tensors, drawn from a generator that the id seeds."""
import math
import zlib
from dataclasses import dataclass, field

import torch


def spike(value):
    """Normal values, and one element that is something else."""
    def make(n):
        if n.numel():
            n.view(-1)[n.numel() // 2] = value
        return n
    return make


KINDS = {
    "normal": lambda n: n,
    "mean1e4": lambda n: n + 1e4,
    "mean1e6": lambda n: n + 1e6,
    "meanneg3e4std0.01": lambda n: n * 0.01 - 3e4,
    "constant": lambda n: torch.full_like(n, 3.7),
    "constantbig": lambda n: torch.full_like(n, 12345.678),
    "zeros": torch.zeros_like,
    "1e-20": lambda n: n * 1e-20,
    "1e-30": lambda n: n * 1e-30,
    "subnormal": lambda n: n * 1e-40,
    "1e20": lambda n: n * 1e20,
    "1e30": lambda n: n * 1e30,
    "nan": spike(math.nan),
    "inf": spike(math.inf),
    "neginf": spike(-math.inf),
    "outlier": spike(1e6),
    "scales": lambda n: n * 10.0 ** torch.arange(-4.0, 5.0,
                                                 dtype=n.dtype).repeat(n.numel() // 9 + 1)[: n.numel()].view(n.shape),
    "positive": lambda n: n.abs() + 0.25,
    "scale": lambda n: 1 + n / 2,
    "shift": lambda n: n / 2,
}

# float32 squares and sums of these overflow or vanish.
BEYOND_FLOAT32 = {"1e20", "1e30"}


@dataclass
class Case:
    id: str
    op: str
    args: dict
    inputs: dict
    params: dict
    outputs: list
    tags: list = field(default_factory=list)

    def tensors(self):
        return {**self.inputs, **self.params}


def draw(case_id, name, shape, kind="normal"):
    """Float32 values of a kind, the same for the same id and name."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{case_id}/{name}".encode()))
    normal = torch.randn(shape, generator=generator, dtype=torch.float64)
    return KINDS[kind](normal).to(torch.float32)


def integer(value):
    return torch.tensor(value, dtype=torch.int64)


def size_text(shape):
    return "x".join(map(str, shape)) or "scalar"
