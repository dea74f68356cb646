"""Writes start.json and start.safetensors: what PyTorch gives for the rows of `npm start`.

Needs PyTorch 2.13:

    python data/generate.py

A row is a layer on an input, forward and backward. Its truth is float64 on float32 inputs; beside it stands the largest
error of PyTorch's own float32 kernels. Of a tensor of more than SAMPLES elements every step-th is stored and compared.
A limit is 3 times PyTorch's error, or 2e-6 of the largest element if that is more. src/cli/demo has the same rows.
"""
import json
import struct
import sys
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "test" / "oracle"))
from differentiate import gradients  # noqa: E402

HERE = Path(__file__).parent
SAMPLES = 512
# Coprime to every extent here and to the period of `wave`, so that each row and channel is met.
STEPS = [1, 11, 23, 47, 89, 179, 359, 719, 887]


def wave(shape):
    """Numbers that both sides can make exactly: ((37·i mod 101) − 50)/64."""
    i = torch.arange(torch.Size(shape).numel())
    return (((i * 37) % 101 - 50) / 64).reshape(shape)


def read_npy(name, shape):
    elements = (HERE / name).read_bytes()[-torch.Size(shape).numel():]
    return torch.frombuffer(bytearray(elements), dtype=torch.uint8).reshape(shape).float()


photos = read_npy("photos_nchw.npy", (3, 3, 224, 224)) / 255
digits = read_npy("digits_images.npy", (1797, 8, 8)) / 16
inputs = {
    "worked": torch.arange(24.0).reshape(2, 3, 4),
    "digit rows": digits,
    "digit images": digits.unsqueeze(1),
    "digit vectors": digits.flatten(1),
    "photos": photos,
    "photo halves": photos.reshape(3, 6, 112, 224),
    "photo tokens": photos.reshape(3, 3, 14, 16, 14, 16).permute(0, 2, 4, 1, 3, 5).reshape(3, 196, 768),
}


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class RMSNorm(nn.RMSNorm):
    """With the eps of float32 in float64 too."""

    def __init__(self, shape):
        super().__init__(shape, eps=2**-23)


class AddLayerNorm(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.norm = nn.LayerNorm(shape)

    def forward(self, x):
        return self.norm(x + wave(x.shape).to(x.dtype))


def weight_norm(layer):
    return nn.utils.weight_norm(layer)


def spectral_norm(layer):
    return nn.utils.spectral_norm(layer)


rows = {
    "worked": {
        "LayerNorm(4)": lambda: nn.LayerNorm(4),
        "LayerNorm([3,4])": lambda: nn.LayerNorm([3, 4]),
        "RMSNorm(4)": lambda: RMSNorm(4),
        "GroupNorm(1, 3)": lambda: nn.GroupNorm(1, 3),
        "GroupNorm(3, 3)": lambda: nn.GroupNorm(3, 3),
        "InstanceNorm1d(3)": lambda: nn.InstanceNorm1d(3),
        "BatchNorm1d(3) train": lambda: nn.BatchNorm1d(3),
        "BatchNorm1d(3) eval": lambda: nn.BatchNorm1d(3),
        "LocalResponseNorm(2)": lambda: nn.LocalResponseNorm(2),
        "Add & LayerNorm(4)": lambda: AddLayerNorm(4),
    },
    "digit rows": {
        "LayerNorm(8)": lambda: nn.LayerNorm(8),
        "LayerNorm([8,8])": lambda: nn.LayerNorm([8, 8]),
        "RMSNorm(8)": lambda: RMSNorm(8),
        "GroupNorm(2, 8)": lambda: nn.GroupNorm(2, 8),
        "InstanceNorm1d(8)": lambda: nn.InstanceNorm1d(8, affine=True),
        "BatchNorm1d(8) train": lambda: nn.BatchNorm1d(8),
        "BatchNorm1d(8) eval": lambda: nn.BatchNorm1d(8),
        "LocalResponseNorm(3)": lambda: nn.LocalResponseNorm(3),
        "Add & LayerNorm(8)": lambda: AddLayerNorm(8),
    },
    "digit images": {
        "LayerNorm([1,8,8])": lambda: nn.LayerNorm([1, 8, 8]),
        "InstanceNorm2d(1)": lambda: nn.InstanceNorm2d(1),
        "BatchNorm2d(1) train": lambda: nn.BatchNorm2d(1),
        "BatchNorm2d(1) eval": lambda: nn.BatchNorm2d(1),
        "weight_norm Conv2d": lambda: weight_norm(nn.Conv2d(1, 4, 3)),
    },
    "digit vectors": {
        "BatchNorm1d(64) train": lambda: nn.BatchNorm1d(64),
        "weight_norm Linear": lambda: weight_norm(nn.Linear(64, 10)),
        "spectral_norm Linear": lambda: spectral_norm(nn.Linear(64, 10)),
    },
    "photos": {
        "LayerNorm([3,224,224])": lambda: nn.LayerNorm([3, 224, 224]),
        "LayerNorm2d(3)": lambda: LayerNorm2d(3),
        "RMSNorm([3,224,224])": lambda: RMSNorm([3, 224, 224]),
        "GroupNorm(1, 3)": lambda: nn.GroupNorm(1, 3),
        "InstanceNorm2d(3)": lambda: nn.InstanceNorm2d(3),
        "BatchNorm2d(3) train": lambda: nn.BatchNorm2d(3),
        "BatchNorm2d(3) eval": lambda: nn.BatchNorm2d(3),
        "LocalResponseNorm(2)": lambda: nn.LocalResponseNorm(2),
    },
    "photo halves": {
        "GroupNorm(3, 6)": lambda: nn.GroupNorm(3, 6),
        "GroupNorm(6, 6)": lambda: nn.GroupNorm(6, 6),
    },
    "photo tokens": {
        "LayerNorm(768)": lambda: nn.LayerNorm(768),
        "RMSNorm(768)": lambda: RMSNorm(768),
        "Add & LayerNorm(768)": lambda: AddLayerNorm(768),
    },
}


def fill(layer):
    """Scales near 1, everything else a wave; running statistics stay fresh."""
    with torch.no_grad():
        for key, value in layer.state_dict().items():
            if "running" in key or "num_batches" in key:
                continue
            is_scale = key.endswith(("weight", "weight_g"))
            value.copy_(1 + wave(value.shape) / 2 if is_scale else wave(value.shape))


def evaluate(make, title, x, dtype):
    """Everything that a row compares: y, the gradients of sum(y * wave) and the running statistics."""
    layer = make()
    fill(layer)
    layer.to(dtype)
    x = x.to(dtype).requires_grad_()
    if title.endswith("eval"):
        layer(x)
        layer.eval()
    y = layer(x)
    parameters = dict(layer.named_parameters())
    found = gradients([y], [wave(y.shape).to(dtype)], [x, *parameters.values()])
    results = {"y": y.detach(), **{f"d{name}": dx for name, dx in zip(["x", *parameters], found)}}
    running = {name: value for name, value in layer.named_buffers() if "running" in name}
    return {name: value.double() for name, value in {**results, **running}.items()}


def three_digits(value):
    return float(f"{value:.3g}")


def largest(values):
    return values.abs().max().item() if values.numel() else 0.0


def measure(make, title, x):
    truth = evaluate(make, title, x, torch.float64)
    single = evaluate(make, title, x, torch.float32)
    tensors, outputs = {}, {}
    for name, e in truth.items():
        step = next(step for step in STEPS if -(-e.numel() // step) <= SAMPLES)
        expected, own = e.flatten()[::step], single[name].flatten()[::step]
        error = largest(own - expected)
        outputs[name] = {
            "shape": list(e.shape),
            "step": step,
            "torch_error": three_digits(error),
            "limit": three_digits(max(3 * error, 2e-6 * largest(expected))),
        }
        tensors[name] = expected
    return outputs, tensors


def tables():
    """The printed tables: two draws of one stream, by LayerNorm(4) and LayerNorm([3, 4])."""
    torch.manual_seed(123)
    first, second = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    results = [("first draw", first, [4]), ("second draw", second, [4]), ("second draw", second, [3, 4])]
    return [
        {"draw": draw, "normalized_shape": shape, "printed": [round(v, 4) for v in F.layer_norm(x, shape).flatten().tolist()]}
        for draw, x, shape in results
    ]


def pairs():
    """Whether LayerNorm over the last axis and InstanceNorm2d(3) give the same numbers on two layouts."""
    torch.manual_seed(123)
    results = []
    for shape in [(2, 3, 4, 1), (2, 3, 4, 5)]:
        x = torch.randn(shape)
        rows = x.squeeze(-1)
        y = F.layer_norm(rows, rows.shape[-1:]).reshape(shape)
        difference = largest(y - nn.InstanceNorm2d(3)(x))
        results.append({"shape": list(shape), "layer_norm": rows.shape[-1], "same": difference < 1e-5})
    return results


def write_json(path, fields):
    """One line for each field, and for each item of a list."""
    lines = []
    for name, value in fields.items():
        items = ",\n".join(f"  {json.dumps(item)}" for item in value) if isinstance(value, list) else None
        lines.append(f" {json.dumps(name)}: " + (json.dumps(value) if items is None else f"[\n{items}\n ]"))
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, value in sorted(tensors.items()):
        begin = len(data)
        data += value.contiguous().numpy().astype("<f8").tobytes()
        header[name] = {"dtype": "F64", "shape": list(value.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    warnings.simplefilter("ignore", FutureWarning)
    stored, tensors = [], {}
    for source, layers in rows.items():
        for title, make in layers.items():
            outputs, values = measure(make, title, inputs[source])
            stored.append({"input": source, "layer": title, "outputs": outputs})
            tensors.update({f"{source}/{title}/{name}": value for name, value in values.items()})
    write_json(HERE / "start.json", {
        "torch": torch.__version__.split("+")[0],
        "rows": stored,
        "tables": tables(),
        "pairs": pairs(),
    })
    write_safetensors(HERE / "start.safetensors", tensors)


if __name__ == "__main__":
    main()
