"""Writes expected.json: what PyTorch's layers are and give, for the rows below.

Needs PyTorch 2.13 or later on x86 with AVX2:

    python test/nn/generate.py

A row is a Python expression; the test has the same module in TypeScript under that text. Parameters come from the seed,
then the input is `torch.rand`, and after all passes the upstream gradient is. Values are computed in float64.
"""
import json
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import parametrizations as new
from torch.nn.utils import parametrize
from torch.nn import utils as old

warnings.simplefilter("ignore")
SEED = 123


def text(tensor):
    return " ".join(f"{value:.9g}" for value in tensor.detach().double().flatten().tolist())


def entry(tensor):
    return {"shape": list(tensor.shape), "values": text(tensor)}


def entries(named):
    return {key: entry(value) for key, value in named}


def zeroed(module):
    """The first row of the weight is zeros."""
    with torch.no_grad():
        module.weight[0] = 0
    return module


names = {**vars(nn), "old": old, "new": new, "zeroed": zeroed}


def draw(size):
    """`[V, [..]]` is an index into V rows, `[..]` uniform numbers, a text the numbers themselves."""
    if isinstance(size, str):
        return torch.tensor([float(number) for number in size.split()])
    if len(size) == 2 and isinstance(size[1], list):
        return torch.randint(0, size[0], size[1])
    return torch.rand(size)


def run(expression, size, passes):
    torch.manual_seed(SEED)
    module = eval(expression, names)
    row = {"module": expression, "repr": repr(module), "state": entries(module.state_dict().items())}
    if size is None:
        return row
    module.double()
    x = draw(size)
    if x.is_floating_point():
        x = x.double().requires_grad_()
    ys = [module.train(mode == "train")(x) for mode in passes]
    dy = torch.rand(ys[-1].shape).double()
    (ys[-1] * dy).sum().backward()
    gradients = [("input", x), *module.named_parameters()]
    return {
        **row,
        "x": size,
        "passes": passes,
        "ys": [entry(y) for y in ys],
        "gradients": entries((name, leaf.grad) for name, leaf in gradients if leaf.grad is not None),
        "after": entries((name, value) for name, value in module.state_dict().items() if name not in dict(gradients)),
    }


special = "-1000 -30 -3 -1 -0.5 -0.0 0 0.5 1 3 6 20 30 1000 inf -inf nan"
layers = [
    ("Linear(5, 4)", [3, 5]),
    ("Linear(5, 4, bias=False)", [2, 3, 5]),
    ("Linear(20, 33)", [20]),
    ("Linear(0, 3)", [2, 0]),
    ("Linear(3, 2)", [0, 3]),
    ("Embedding(7, 3)", [7, [2, 9]]),
    ("Embedding(5, 4, padding_idx=1)", [5, [12]]),
    ("Embedding(30, 2, padding_idx=-1)", [30, [40]]),
    ("Embedding(4, 4)", [4, []]),
    ("Identity()", [2, 3]),
    ("Flatten()", [2, 3, 4]),
    ("Flatten(0, 1)", [2, 3, 4]),
    ("Conv1d(4, 6, 3)", [2, 4, 9]),
    ("Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2)", [2, 4, 11]),
    ("Conv1d(2, 3, 4, padding='same')", [2, 2, 7]),
    ("Conv1d(2, 3, 3, padding='same', dilation=2)", [2, 7]),
    ("Conv1d(6, 6, 3, padding='valid', groups=6, bias=False)", [2, 6, 5]),
    ("Conv2d(3, 8, 3)", [1, 3, 6, 5]),
    ("Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2, bias=False)", [2, 2, 7, 6]),
    ("Conv2d(2, 3, (4, 3), padding='same', dilation=(1, 2))", [2, 6, 7]),
    ("Conv3d(2, 4, (1, 2, 3), stride=(1, 2, 1), padding=(0, 1, 1), groups=2)", [1, 2, 3, 4, 5]),
    ("Conv3d(1, 2, 2, padding='same')", [1, 1, 3, 3, 3]),
    ("ConvTranspose1d(4, 6, 3)", [2, 4, 5]),
    ("ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, dilation=2)", [4, 5]),
    ("ConvTranspose2d(3, 6, (3, 2), stride=2, output_padding=1, groups=3)", [1, 3, 3, 4]),
    ("ConvTranspose2d(4, 2, 2, stride=2, bias=False)", [4, 3, 3]),
    ("ConvTranspose3d(2, 2, 2, stride=(1, 2, 1))", [1, 2, 2, 3, 2]),
    *((activation, special) for activation in [
        "ReLU()", "ReLU(inplace=True)", "ReLU6()", "LeakyReLU()", "LeakyReLU(0.2, inplace=True)", "ELU()", "ELU(0.5)",
        "GELU()", "GELU('tanh')", "SiLU()", "Sigmoid()", "Tanh()", "Softplus()", "Softplus(2, 10)"]
      if "inplace" not in activation),
    ("ReLU(inplace=True)", None),
    ("LeakyReLU(0.2, inplace=True)", None),
    ("Softmax(1)", [2, 3, 4]),
    ("Softmax(-1)", [5]),
    ("LogSoftmax(0)", [2, 3]),
    ("Dropout()", None),
    ("Dropout(0.1, inplace=True)", None),
    ("Sequential(Linear(4, 3), ReLU(), Sequential(Linear(3, 3), Linear(3, 3)))", [2, 4]),
    ("Sequential()", [2, 2]),
    ("ModuleList([ReLU(), ReLU(), Linear(2, 2), Linear(2, 2), ModuleList([])])", None),
]

train, thrice = ["train"], ["train", "train", "eval", "train"]
weights = [
    *((f"{kind}.weight_norm(Linear(4, 3), dim={dim})", [2, 4], train)
      for kind in ["old", "new"] for dim in [0, 1, -2, -1, None]),
    *((f"{kind}.weight_norm(Conv2d(3, 4, 2), dim={dim})", [1, 3, 3, 3], train)
      for kind in ["old", "new"] for dim in [0, 1, 2, 3, -3, None]),
    *((f"{kind}.weight_norm(ConvTranspose2d(3, 4, 2))", [1, 3, 2, 2], thrice) for kind in ["old", "new"]),
    *((f"{kind}.weight_norm(Linear(4, 3), 'bias')", [2, 4], train) for kind in ["old", "new"]),
    *((f"{kind}.weight_norm(zeroed(Linear(4, 3)))", [2, 4], train) for kind in ["old", "new"]),
    *((f"{kind}.spectral_norm({layer})", size, thrice)
      for kind in ["old", "new"]
      for layer, size in [("Linear(4, 3)", [2, 4]), ("Linear(4, 3), dim=1", [2, 4]), ("Linear(4, 3), 'bias'", [2, 4]),
                          ("Linear(4, 3), n_power_iterations=3", [2, 4]), ("Conv2d(3, 4, 2)", [1, 3, 3, 3]),
                          ("Conv2d(3, 4, 2), dim=2", [1, 3, 3, 3]), ("ConvTranspose2d(3, 4, 2)", [1, 3, 2, 2])]),
    ("new.spectral_norm(Conv2d(3, 4, 2), dim=-1)", [1, 3, 3, 3], thrice),
    ("old.spectral_norm(Linear(4, 3))", [2, 4], ["eval"]),
    ("new.spectral_norm(Linear(4, 3).eval())", [2, 4], ["eval", "eval"]),
    ("new.spectral_norm(new.weight_norm(Linear(4, 3)))", [2, 4], thrice),
    ("new.spectral_norm(new.spectral_norm(Linear(4, 3)))", [2, 4], thrice),
    ("new.weight_norm(new.weight_norm(Linear(4, 3)))", None, None),
    ("old.weight_norm(old.weight_norm(Linear(4, 3)), 'bias')", [2, 4], train),
    ("old.spectral_norm(new.weight_norm(Linear(4, 3)), 'bias')", [2, 4], thrice),
]


def removed(expression, remove):
    torch.manual_seed(SEED)
    module = remove(eval(expression, names))
    return {"module": expression, "repr": repr(module), "state": entries(module.state_dict().items())}


removals = [
    removed("old.weight_norm(Linear(4, 3))", old.remove_weight_norm),
    removed("new.weight_norm(Linear(4, 3))", lambda module: parametrize.remove_parametrizations(module, "weight")),
    removed("old.spectral_norm(Linear(4, 3))", old.remove_spectral_norm),
    removed("new.spectral_norm(Linear(4, 3))", lambda module: parametrize.remove_parametrizations(module, "weight")),
    removed("new.spectral_norm(Linear(4, 3).eval())", lambda module: parametrize.remove_parametrizations(module, "weight")),
    removed("new.spectral_norm(new.weight_norm(Linear(4, 3)))",
            lambda module: parametrize.remove_parametrizations(module, "weight")),
]


def assigned(expression):
    """The state after `weight` was set to uniform numbers."""
    torch.manual_seed(SEED)
    module = eval(expression, names)
    module.weight = torch.rand(module.weight.shape)
    return {"module": expression, "state": entries(module.state_dict().items())}


assignments = [assigned("new.weight_norm(Linear(4, 3))"), assigned("new.weight_norm(Conv2d(3, 4, 2), dim=1)"),
               assigned("new.spectral_norm(Linear(4, 3))")]


def dropped(p, size, dtype="float32"):
    torch.manual_seed(SEED)
    y = nn.Dropout(p)(torch.ones(size, dtype=getattr(torch, dtype)))
    return {"p": p, "shape": size, "dtype": dtype, "values": text(y), "next": text(torch.rand(3))}


dropouts = [dropped(p, size) for p in [0, 0.1, 0.5, 1] for size in [[], [3], [2, 17], [0, 3]]]
dropouts.append(dropped(0.3, [40], "float64"))


def initialized(call, size, dtype="float32"):
    torch.manual_seed(SEED)
    x = torch.zeros(size, dtype=getattr(torch, dtype))
    eval(f"nn.init.{call}", {"nn": nn, "x": x})
    return {"call": call, "shape": size, "dtype": dtype, "values": text(x), "next": text(torch.rand(3))}


initializers = [initialized(call, size) for call in [
    "uniform_(x)", "normal_(x, 2, 0.5)", "trunc_normal_(x, std=0.02)", "trunc_normal_(x, 1, 2, 0.5, 0.7)", "constant_(x, 7)",
    "ones_(x)", "zeros_(x)", "xavier_uniform_(x)", "xavier_uniform_(x, gain=5 / 3)", "xavier_normal_(x)",
    "kaiming_uniform_(x)", "kaiming_uniform_(x, a=0.2, mode='fan_out')", "kaiming_normal_(x, nonlinearity='relu')",
    "kaiming_normal_(x, nonlinearity='tanh', mode='fan_out')"] for size in [[3, 2], [4, 3, 2, 1]]]
initializers.append(initialized("kaiming_normal_(x)", [0, 3]))
initializers.append(initialized("xavier_normal_(x)", [4, 5], "float64"))


def main():
    tables = {
        "layers": [run(expression, size, train) for expression, size in layers],
        "weights": [run(*row) for row in weights],
        "removals": removals,
        "assignments": assignments,
        "dropouts": dropouts,
        "initializers": initializers,
    }
    lines = ",\n".join(f'"{name}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for name, rows in tables.items())
    expected = f'{{"torch": "{torch.__version__}", "seed": {SEED},\n{lines}}}\n'
    (Path(__file__).parent / "expected.json").write_text(expected)


main()
