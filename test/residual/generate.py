"""Writes expected.json: residual blocks, the layers that stand on their branches, and gradients by depth, as torch gives them.

Each formula is written out here in torch functions, so any release will do; made with 1.13:

    python test/residual/generate.py

Numbers are drawn from the seed in float32 (`rand` is the same to the last bit here and in the tests): the parameters in the
order of their keys, then x, then dy. What follows is computed in float64; `errors` is how far torch itself is off in float32.
"""
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

SEED = 7
DTYPE = torch.float64


def text(tensor):
    return " ".join(f"{value:.9g}" for value in tensor.detach().double().flatten().tolist())


def drawn(shape, scale=2.0, shift=-1.0):
    return torch.rand(shape) * scale + shift


def parameters(shapes):
    """One for each key; scales of norms and branches lie around 1, where they matter."""
    state = {}
    for key, shape in shapes.items():
        isScale = key.endswith(("gamma", "alpha")) or (len(shape) == 1 and key.endswith("weight"))
        state[key] = (drawn(shape, 1.0, 0.5) if isScale else drawn(shape)).to(DTYPE).requires_grad_()
    return state


def finish(state, x, y):
    """Values and gradients of the sum of y * dy, dy drawn last."""
    dy = drawn(y.shape).to(DTYPE)
    (y * dy).sum().backward()
    return {"y": y, **{f"d{key}": leaf.grad for key, leaf in {"x": x, **state}.items()}}


def with_errors(compute):
    """Results in float64, and the largest error of each in float32."""
    global DTYPE
    torch.manual_seed(SEED)
    exact = compute()
    DTYPE = torch.float32
    torch.manual_seed(SEED)
    rounded = compute()
    DTYPE = torch.float64
    return {
        "values": {name: text(value) for name, value in exact.items()},
        "errors": {name: float(f"{(rounded[name] - value).abs().max().item():.2g}") for name, value in exact.items()},
    }


# Norms of 4 channels: shapes of the parameters, and the function on x.
norms = {
    "LayerNorm": ({"weight": [4], "bias": [4]}, lambda x, p: F.layer_norm(x, [4], p["weight"], p["bias"], 1e-5)),
    "RMSNorm": ({"weight": [4]}, lambda x, p: x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * p["weight"]),
    "DyT": (
        {"alpha": [1], "weight": [4], "bias": [4]},
        lambda x, p: p["weight"] * torch.tanh(p["alpha"] * x) + p["bias"],
    ),
    "GroupNorm": ({"weight": [4], "bias": [4]}, lambda x, p: F.group_norm(x, 2, p["weight"], p["bias"], 1e-5)),
    "BatchNorm1d": (
        {"weight": [4], "bias": [4]},
        lambda x, p: F.batch_norm(x, None, None, p["weight"], p["bias"], True, 0.1, 1e-5),
    ),
}
CHANNELS_FIRST = ("GroupNorm", "BatchNorm1d")
ALPHA = 1.5


def below(state, path):
    return {key[len(path) + 1 :]: value for key, value in state.items() if key.startswith(path + ".")}


def block(placement, norm, scaled=False, drop=0.0):
    shapes, normalize = norms[norm]
    first = norm in CHANNELS_FIRST
    kernel = [1] if first else []
    matrix = F.conv1d if first else F.linear
    fc = ["mlp.0", "mlp.2"] if first else ["mlp.fc1", "mlp.fc2"]

    def norm_shapes(path):
        return {f"{path}.{key}": shape for key, shape in shapes.items()}

    def scale_shapes(path):
        return {f"{path}.gamma": [4]} if scaled else {}

    sandwich = placement == "sandwich"
    all_shapes = {
        **norm_shapes("norm1"),
        "attn.0.weight": [4, 4, *kernel],
        "attn.0.bias": [4],
        **(norm_shapes("norm1_post") if sandwich else {}),
        **scale_shapes("ls1"),
        **(norm_shapes("norm2") if placement != "parallel" else {}),
        f"{fc[0]}.weight": [6, 4, *kernel],
        f"{fc[0]}.bias": [6],
        f"{fc[1]}.weight": [4, 6, *kernel],
        f"{fc[1]}.bias": [4],
        **(norm_shapes("norm2_post") if sandwich else {}),
        **scale_shapes("ls2"),
    }
    state = parameters(all_shapes)
    shape = [2, 4, 3] if first else [2, 3, 4]
    x = drawn(shape).to(DTYPE).requires_grad_()

    def n(path, h):
        return normalize(h, below(state, path))

    def on_branch(path, h):
        h = h * state[f"{path}.gamma"] if scaled else h
        if drop == 0:
            return h
        mask = torch.empty([shape[0], 1, 1]).bernoulli_(1 - drop)
        return h * mask.div_(1 - drop).to(DTYPE)

    def attn(h, after=None):
        h = torch.tanh(matrix(h, state["attn.0.weight"], state["attn.0.bias"]))
        return on_branch("ls1", h if after is None else n(after, h))

    def mlp(h, after=None):
        h = F.gelu(matrix(h, state[f"{fc[0]}.weight"], state[f"{fc[0]}.bias"]))
        h = matrix(h, state[f"{fc[1]}.weight"], state[f"{fc[1]}.bias"])
        return on_branch("ls2", h if after is None else n(after, h))

    if placement == "post":
        y1 = n("norm1", x + attn(x))
        y = n("norm2", y1 + mlp(y1))
    elif placement == "pre":
        y1 = x + attn(n("norm1", x))
        y = y1 + mlp(n("norm2", y1))
    elif placement == "branch":
        y1 = x + attn(x, "norm1")
        y = y1 + mlp(y1, "norm2")
    elif placement == "sandwich":
        y1 = x + attn(n("norm1", x), "norm1_post")
        y = y1 + mlp(n("norm2", y1), "norm2_post")
    elif placement == "hybrid":
        y1 = attn(n("norm1", x)) + x
        y = mlp(y1, "norm2") + y1
    elif placement == "deepnorm":
        y1 = n("norm1", ALPHA * x + attn(x))
        y = n("norm2", ALPHA * y1 + mlp(y1))
    else:
        y = x + attn(n("norm1", x)) + mlp(n("norm1", x))
    return finish(state, x, y)


def block_row(placement, norm, scaled=False, drop=0.0):
    shape = [2, 4, 3] if norm in CHANNELS_FIRST else [2, 3, 4]
    settings = {"placement": placement, "norm": norm, "scaled": scaled, "drop": drop, "shape": shape}
    return {**settings, **with_errors(lambda: block(placement, norm, scaled, drop))}


def layer(name, shapes, shape, formula, change=None):
    def compute():
        state = parameters(shapes)
        x = drawn(shape)
        if change is not None:
            change(x)
        x = x.to(DTYPE).requires_grad_()
        return finish(state, x, formula(x, state))

    return {"layer": name, "shape": shape, **with_errors(compute)}


def grn(x, p, channels=-1, pixels=(1, 2)):
    G = torch.norm(x, p=2, dim=pixels, keepdim=True)
    Nx = G / (G.mean(dim=channels, keepdim=True) + 1e-6)
    gamma, beta = (p[key] if channels == -1 else p[key].permute(0, 3, 1, 2) for key in ("gamma", "beta"))
    return gamma * (x * Nx) + beta + x


def silence_channel(x):
    """A channel of one sample, and a whole sample, are zeros."""
    x[0, :, :, 1] = 0
    x[1] = 0


def large(x):
    x *= 1e3


GRN = {"gamma": [1, 1, 1, 4], "beta": [1, 1, 1, 4]}
DYT = {"alpha": [1], "weight": [4], "bias": [4]}
layers = [
    layer("GRN(4)", GRN, [2, 3, 2, 4], grn),
    layer("GRN(4) of zeros", GRN, [2, 3, 2, 4], grn, silence_channel),
    layer("GRN(4) of large numbers", GRN, [2, 3, 2, 4], grn, large),
    layer("GRN(4), channels first", GRN, [2, 4, 3, 2], lambda x, p: grn(x, p, 1, (2, 3))),
    layer("DyT(4)", DYT, [2, 3, 4], norms["DyT"][1]),
    layer("DyT(4) of large numbers", DYT, [5, 4], norms["DyT"][1], large),
    layer(
        "DyT(4), channels first",
        DYT,
        [2, 4, 3, 2],
        lambda x, p: p["weight"][:, None, None] * torch.tanh(p["alpha"] * x) + p["bias"][:, None, None],
    ),
    layer("LayerScale(4)", {"gamma": [4]}, [2, 3, 4], lambda x, p: x * p["gamma"]),
    layer("LayerScale2d(4)", {"gamma": [4]}, [2, 4, 3, 2], lambda x, p: x * p["gamma"].view(1, -1, 1, 1)),
]


def dropped(name, p, shape, dtype, size, scaled=True):
    """timm's drop_path and torchvision's stochastic_depth on numbers of the seed."""
    torch.manual_seed(SEED)
    x = torch.rand(shape, dtype=getattr(torch, dtype)).requires_grad_()
    mask = x.new_empty(size).bernoulli_(1 - p)
    if p < 1 and scaled:
        mask.div_(1 - p)
    y = x * mask
    y.sum().backward()
    row = {"layer": name, "p": p, "shape": shape, "dtype": dtype, "y": text(y), "dx": text(x.grad)}
    return {**row, "next": text(torch.rand(3))}


drops = [
    dropped("DropPath", 0.5, [8, 3], "float32", [8, 1]),
    dropped("DropPath", 0.1, [40, 2, 1], "float32", [40, 1, 1]),
    dropped("DropPath", 0.3, [5, 2, 2, 1], "float64", [5, 1, 1, 1]),
    dropped("DropPath", 0.3, [20], "float32", [20]),
    dropped("DropPath", 1.0, [3, 2], "float32", [3, 1]),
    dropped("DropPath unscaled", 0.4, [9, 2], "float32", [9, 1], scaled=False),
    dropped("StochasticDepth row", 0.5, [8, 3], "float32", [8, 1]),
    dropped("StochasticDepth row", 0.2, [3, 2, 2, 1], "float64", [3, 1, 1, 1]),
    dropped("StochasticDepth batch", 0.4, [4, 3], "float32", [1, 1]),
    dropped("StochasticDepth batch", 0.7, [4, 3], "float32", [1, 1]),
    dropped("StochasticDepth batch", 1.0, [2, 2], "float32", [1, 1]),
]


def depth_row(placement, residual):
    """Lengths of the gradient at the input of each of 6 blocks tanh(Linear(8, 8))."""
    torch.manual_seed(SEED)
    linears = [nn.Linear(8, 8).double() for _ in range(6)]
    x = torch.randn(16, 8).double().requires_grad_()
    inputs = []
    y = x
    norm = lambda h: F.layer_norm(h, [8])
    for linear in linears:
        x = y
        inputs.append(x)
        f = torch.tanh(linear(norm(x) if placement == "pre" else x))
        f = norm(f) if placement == "branch" or (placement == "post" and not residual) else f
        y = x + f if residual else f
        y = norm(y) if placement == "post" and residual else y
    w = torch.randn(16, 8).double()
    gradients = torch.autograd.grad(y, inputs, w / w.norm())
    return {"placement": placement, "residual": residual, "lengths": [g.norm().item() for g in gradients]}


def deepnorm_row(shapes, gains):
    """xavier_normal_ of each weight, the rows of a packed one in parts."""
    torch.manual_seed(SEED)
    weights = {}
    for key, shape in shapes.items():
        parts = [nn.init.xavier_normal_(torch.empty(shape[0] // len(gains[key]), shape[1]), gain) for gain in gains[key]]
        weights[key] = text(torch.cat(parts))
    return weights


placements = ["post", "pre", "branch", "sandwich", "hybrid", "deepnorm", "parallel"]
expected = {
    "torch": torch.__version__,
    "seed": SEED,
    "alpha": ALPHA,
    "blocks": [
        *(block_row(placement, norm) for placement in placements for norm in norms),
        *(block_row(placement, "LayerNorm", scaled=True) for placement in placements),
        *(block_row(placement, "RMSNorm", scaled=True, drop=0.5) for placement in placements),
    ],
    "layers": layers,
    "drops": drops,
    "depths": [depth_row(p, residual) for p in ("none", "pre", "branch", "post") for residual in (True, False)],
    "deepnorm": deepnorm_row(
        {"attn.qkv.weight": [12, 4], "attn.proj.weight": [4, 4], "mlp.fc1.weight": [6, 4], "mlp.fc2.weight": [4, 6]},
        {"attn.qkv.weight": [1, 1, 0.5], "attn.proj.weight": [0.5], "mlp.fc1.weight": [0.5], "mlp.fc2.weight": [0.5]},
    ),
}
Path(__file__).with_name("expected.json").write_text(json.dumps(expected, indent=1) + "\n")
