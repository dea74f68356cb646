"""Writes expected.json: how PyTorch prints layers that are written in many ways, which texts it refuses, and what it says,
with its traceback, where an input, a parameter or a checkpoint does not fit.

Needs PyTorch 2.13 or later:

    python test/torchtext/generate.py
"""
import json
import re
import traceback
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

warnings.simplefilter("ignore")
zeros = torch.zeros

LAYERS = [
    "nn.GroupNorm(3, 6)",
    "torch.nn.GroupNorm(num_channels=6, num_groups=2, eps=1e-3)",
    "nn.GroupNorm(2, 4, 1e-6, False)",
    "nn.GroupNorm(2, 4, bias=False)",
    "nn.GroupNorm(2, 4, 1e-05, True, None, None, bias=False)",
    "nn.LayerNorm(4)",
    "nn.LayerNorm([3, 4], eps=1e-6)",
    "nn.LayerNorm((3, 4,), 0.5, False)",
    "nn.LayerNorm((4))",
    "nn.LayerNorm(torch.Size([2, 3]), bias=False)",
    "nn.LayerNorm(1_0, eps=.5e-2)",
    "nn.LayerNorm(normalized_shape=768, eps=1, elementwise_affine=True, device=None, dtype=torch.float32)",
    "nn.LayerNorm(4, device='cpu')",
    "nn.LayerNorm(4, device=torch.device('cpu'), dtype=torch.float)",
    "nn.RMSNorm(4)",
    "nn.RMSNorm([3, 4], None, False)",
    "nn.RMSNorm(4, eps=1e-6)",
    "nn.BatchNorm1d(3)",
    "nn.BatchNorm2d(num_features=64, momentum=None, affine=False)",
    "nn.BatchNorm2d(64, 1e-3, 0.01)",
    "nn.BatchNorm3d(2, track_running_stats=False, bias=False)",
    "nn.BatchNorm1d(3, 1e-05, 0.1, True, False)",
    "nn.InstanceNorm1d(3, affine=True)",
    "nn.InstanceNorm2d(3, 1e-6, 0.2, True, True)",
    "nn.InstanceNorm3d(3, track_running_stats=True, affine=True, bias=False)",
    "nn.LazyBatchNorm1d()",
    "nn.LazyBatchNorm2d(1e-3, 0.2, False)",
    "nn.LazyBatchNorm3d(momentum=None)",
    "nn.LazyInstanceNorm1d()",
    "nn.LazyInstanceNorm2d(affine=False)",
    "nn.LazyInstanceNorm3d(track_running_stats=False, bias=False)",
    "nn.LocalResponseNorm(5)",
    "nn.LocalResponseNorm(3, 1e-3, 0.5, 2.5)",
    "nn.LocalResponseNorm(size=2, k=+1.5, beta=1e-10)",
]

REFUSED = [
    "nn.LayerNorm()",
    "nn.LayerNorm(4, 1e-5, True, True, None, None, 3)",
    "nn.LayerNorm(4, affine=True)",
    "nn.LayerNorm(4, normalized_shape=4)",
    "nn.LayerNorm(4, eps=1e-5, eps=1e-5)",
    "nn.LayerNorm(eps=1e-5, 4)",
    "nn.RMSNorm(4, bias=True)",
    "nn.GroupNorm(3)",
    "nn.GroupNorm(4, 6)",
    "nn.GroupNorm(2, 4, 1e-5, True, None, None, True)",
    "nn.BatchNorm2d(3, elementwise_affine=False)",
    "nn.BatchNorm2d(2.5)",
    "nn.LazyBatchNorm2d(num_features=3)",
    "nn.LocalResponseNorm(2, gamma=1)",
    "nn.LocalResponseNorm(alpha=1)",
    "nn.LayerNorm('4')",
    "nn.LayerNorm(None)",
    "nn.LayerNorm([3, [4]])",
    "nn.LayerNrom(4)",
    "nn.LayerNorm(4",
    "nn.LayerNorm(4))",
    "nn.LayerNorm(3 4)",
    "nn.LayerNorm(3d)",
]


def load(module, **edits):
    """Loads the module's own state, edited: each value makes a tensor of that shape; None takes the entry out."""
    state = module.state_dict()
    for key, shape in edits.items():
        key = key.replace("__", ".")
        if shape is None:
            del state[key]
        else:
            state[key] = zeros(shape)
    module.load_state_dict(state)


def load_renamed(module, old, new):
    module.load_state_dict({re.sub(old, new, key): value for key, value in module.state_dict().items()})


def block():
    return nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8))


def normed(make):
    return nn.Sequential(make(nn.Linear(2, 3)))


ERRORS = {
    "LayerNorm, an image": lambda: nn.LayerNorm(96)(zeros(100, 96, 8, 7)),
    "LayerNorm, the height": lambda: nn.LayerNorm(8)(zeros(100, 96, 8, 7)),
    "LayerNorm, a sequence": lambda: nn.LayerNorm(16)(zeros(2, 16, 5)),
    "LayerNorm, too short": lambda: nn.LayerNorm([2, 3, 4])(zeros(3, 4)),
    "LayerNorm, in another order": lambda: nn.LayerNorm([3, 4])(zeros(2, 4, 3)),
    "LayerNorm, to flatten": lambda: nn.LayerNorm(768)(zeros(2, 12, 64)),
    "LayerNorm, nothing": lambda: nn.LayerNorm([])(zeros(2, 3)),
    "LayerNorm, weight": lambda: F.layer_norm(zeros(2, 96, 8, 8), (96, 8, 8), zeros(96)),
    "LayerNorm, weight of the tail": lambda: F.layer_norm(zeros(2, 3, 4), (3, 4), zeros(4)),
    "LayerNorm, bias": lambda: F.layer_norm(zeros(2, 4), (4,), zeros(4), zeros(3)),
    "LayerNorm, complex": lambda: F.layer_norm(zeros(2, 4, dtype=torch.cfloat), (4,)),
    "LayerNorm, eight bits": lambda: F.layer_norm(zeros(2, 4, dtype=torch.float8_e4m3fn), (4,)),
    "LayerNorm, dtype": lambda: nn.LayerNorm(4)(zeros(2, 4, dtype=torch.float64)),
    "RMSNorm": lambda: nn.RMSNorm(4)(zeros(2, 5)),
    "RMSNorm, channels": lambda: nn.RMSNorm(4)(zeros(2, 4, 5)),
    "RMSNorm, two axes": lambda: nn.RMSNorm([3, 4])(zeros(2, 4, 3)),
    "RMSNorm, too short": lambda: nn.RMSNorm([3, 4])(zeros(4)),
    "RMSNorm, weight": lambda: F.rms_norm(zeros(2, 3, 4), (3, 4), zeros(3)),
    "RMSNorm, nothing": lambda: nn.RMSNorm([])(zeros(2, 3)),
    "layer_norm, a number": lambda: F.layer_norm(zeros(2, 3), 3),
    "rms_norm, a fraction": lambda: F.rms_norm(zeros(2, 3), [3.0]),
    "RMSNorm, integers": lambda: nn.RMSNorm(4)(zeros(2, 4, dtype=torch.uint8)),
    "GroupNorm, constructor": lambda: nn.GroupNorm(4, 6),
    "GroupNorm, function": lambda: F.group_norm(zeros(2, 5, 4), 2),
    "GroupNorm, channels": lambda: nn.GroupNorm(2, 6)(zeros(2, 4, 3)),
    "GroupNorm, channels last": lambda: nn.GroupNorm(2, 6)(zeros(2, 4, 4, 6)),
    "GroupNorm, a vector": lambda: nn.GroupNorm(2, 6)(zeros(6)),
    "GroupNorm, one value": lambda: nn.GroupNorm(6, 6)(zeros(1, 6, 1, 1)),
    "BatchNorm1d, one sample": lambda: nn.BatchNorm1d(3)(zeros(1, 3)),
    "BatchNorm2d, one value": lambda: nn.BatchNorm2d(512)(zeros(1, 512, 1, 1)),
    "BatchNorm1d, an image": lambda: nn.BatchNorm1d(3)(zeros(2, 3, 4, 5)),
    "BatchNorm1d, a vector": lambda: nn.BatchNorm1d(3)(zeros(3)),
    "BatchNorm2d, no batch": lambda: nn.BatchNorm2d(3)(zeros(3, 4, 4)),
    "BatchNorm2d, features": lambda: nn.BatchNorm2d(3)(zeros(2, 3)),
    "BatchNorm3d, an image": lambda: nn.BatchNorm3d(3)(zeros(2, 3, 4, 4)),
    "BatchNorm2d, channels": lambda: nn.BatchNorm2d(3)(zeros(2, 6, 4, 4)),
    "BatchNorm2d, channels in eval": lambda: nn.BatchNorm2d(3).eval()(zeros(2, 6, 4, 4)),
    "BatchNorm2d, weight": lambda: F.batch_norm(zeros(2, 3), zeros(3), torch.ones(3), zeros(2)),
    "BatchNorm2d, dtype": lambda: nn.BatchNorm2d(3).half()(zeros(2, 3, 4, 4)),
    "BatchNorm2d, integers": lambda: nn.BatchNorm2d(3)(zeros(2, 3, 4, 4, dtype=torch.uint8)),
    "BatchNorm2d, eps": lambda: nn.BatchNorm2d(3, eps=0)(zeros(2, 3, 4, 4)),
    "BatchNorm2d, eps in eval": lambda: nn.BatchNorm2d(3, eps=-1e-5).eval()(zeros(2, 3, 4, 4)),
    "batch_norm without statistics": lambda: F.batch_norm(zeros(2, 3), None, None),
    "batch_norm without variances": lambda: F.batch_norm(zeros(2, 3), zeros(3), None),
    "SyncBatchNorm, a vector": lambda: nn.SyncBatchNorm(3)(zeros(3)),
    "InstanceNorm1d, an image": lambda: nn.InstanceNorm1d(3)(zeros(2, 3, 4, 5)),
    "InstanceNorm2d, features": lambda: nn.InstanceNorm2d(3)(zeros(2, 3)),
    "InstanceNorm3d, a sequence": lambda: nn.InstanceNorm3d(3)(zeros(2, 3, 4)),
    "InstanceNorm2d, channels": lambda: nn.InstanceNorm2d(3, affine=True)(zeros(2, 5, 4, 4)),
    "InstanceNorm2d, no batch": lambda: nn.InstanceNorm2d(3, affine=True)(zeros(5, 4, 4)),
    "InstanceNorm2d, running": lambda: nn.InstanceNorm2d(3, track_running_stats=True)(zeros(2, 5, 4, 4)),
    "InstanceNorm2d, one position": lambda: nn.InstanceNorm2d(3)(zeros(2, 3, 1, 1)),
    "instance_norm, weight": lambda: F.instance_norm(zeros(2, 3, 4, 4), weight=zeros(4)),
    "instance_norm, no position": lambda: F.instance_norm(zeros(2, 3)),
    "LocalResponseNorm, features": lambda: nn.LocalResponseNorm(3)(zeros(3, 3)),
    "CrossMapLRN2d, a sequence": lambda: nn.CrossMapLRN2d(3)(zeros(3, 3, 3)),
    "weight_norm, dim": lambda: parametrizations.weight_norm(nn.Linear(2, 3), dim=5),
    "spectral_norm, dim": lambda: parametrizations.spectral_norm(nn.Linear(2, 3), dim=4),
    "spectral_norm, steps": lambda: parametrizations.spectral_norm(nn.Linear(2, 3), n_power_iterations=0),
    "LayerNorm, another's argument": lambda: nn.LayerNorm(4, affine=False),
    "BatchNorm2d, another's argument": lambda: nn.BatchNorm2d(4, elementwise_affine=False),
    "GroupNorm, a misspelled argument": lambda: nn.GroupNorm(2, 4, epss=1),
    "LayerNorm, no argument": lambda: nn.LayerNorm(),
    "GroupNorm, no arguments": lambda: nn.GroupNorm(),
    "GroupNorm, one argument": lambda: nn.GroupNorm(3),
    "GroupNorm, too many arguments": lambda: nn.GroupNorm(2, 4, 1e-5, True, None, None, False, bias=True),
    "BatchNorm2d, too many arguments": lambda: nn.BatchNorm2d(2, 1e-5, 0.1, True, True, None, None, False),
    "load, gamma and beta": lambda: load_renamed(nn.LayerNorm(4), "weight", "gamma"),
    "load, gamma and beta of a model": lambda: load_renamed(
        nn.Sequential(nn.LayerNorm(4), nn.LayerNorm(4)), r"0\.bias", "0.beta"),
    "load, DataParallel": lambda: load_renamed(block(), "^", "module."),
    "load, another prefix": lambda: load_renamed(block(), "^", "backbone."),
    "load, a part": lambda: load_renamed(nn.ModuleDict({"body": block()}), r"^body\.", ""),
    "load, another width": lambda: load(nn.Sequential(nn.BatchNorm2d(8)), **{"0__weight": (4,), "0__running_mean": (4,)}),
    "load, one layer": lambda: load(nn.LayerNorm(4), weight=(5,)),
    "load, another shape": lambda: load(nn.LayerNorm(96), weight=(96, 1, 1), bias=(96, 1, 1)),
    "load, no running statistics": lambda: load(block(), **{"1__running_mean": None, "1__running_var": None}),
    "load, running statistics": lambda: load(nn.GroupNorm(2, 4), running_mean=(4,), running_var=(4,), num_batches_tracked=()),
    "load, running statistics of InstanceNorm": lambda: load(
        nn.InstanceNorm2d(3, affine=True), running_mean=(3,), running_var=(3,)),
    "load, running statistics of an old InstanceNorm": lambda: nn.InstanceNorm2d(3).load_state_dict(
        {"running_mean": zeros(3), "running_var": zeros(3)}),
    "load, parametrized into old": lambda: normed(nn.utils.weight_norm).load_state_dict(
        normed(parametrizations.weight_norm).state_dict()),
    "load, plain into weight norm": lambda: normed(parametrizations.weight_norm).load_state_dict(
        nn.Sequential(nn.Linear(2, 3)).state_dict()),
    "load, plain into old weight norm": lambda: normed(nn.utils.weight_norm).load_state_dict(
        nn.Sequential(nn.Linear(2, 3)).state_dict()),
    "load, spectral norm into plain": lambda: nn.Sequential(nn.Linear(2, 3)).load_state_dict(
        normed(parametrizations.spectral_norm).state_dict()),
    "load, old spectral norm into parametrized": lambda: normed(parametrizations.spectral_norm).load_state_dict(
        normed(nn.utils.spectral_norm).state_dict()),
    "load, plain into spectral norm": lambda: normed(nn.utils.spectral_norm).load_state_dict(
        nn.Sequential(nn.Linear(2, 3)).state_dict()),
    "load, weight norm into spectral norm": lambda: normed(parametrizations.spectral_norm).load_state_dict(
        normed(parametrizations.weight_norm).state_dict()),
    "load, no tensor": lambda: nn.LayerNorm(4).load_state_dict({"weight": zeros(4), "bias": [0, 0, 0, 0]}),
    "load, another model": lambda: nn.Linear(2, 2).load_state_dict(nn.ModuleDict({"a": nn.Linear(2, 2)}).state_dict()),
}


def raised(call):
    """The error's text and its traceback, without the folders of this machine."""
    try:
        call()
    except Exception as error:  # noqa: BLE001: whatever it raises is the answer
        trace = "".join(traceback.format_exception(error))
        trace = re.sub(r'File "[^"]*/(torch/[^"]*)"', r'File "site-packages/\1"', trace)
        trace = re.sub(r'File "[^"]*generate\.py"', 'File "model.py"', trace)
        return {"error": type(error).__name__, "message": str(error), "traceback": trace}
    raise AssertionError("nothing was raised")


def is_refused(text):
    try:
        # A number of features that is no integer is refused where the tensors are made.
        eval(text)
    except Exception:  # noqa: BLE001: any refusal
        return True
    return False


layers = [{"text": text, "repr": str(eval(text))} for text in LAYERS]
assert all(map(is_refused, REFUSED)), [text for text in REFUSED if not is_refused(text)]
errors = [{"name": name, **raised(call)} for name, call in ERRORS.items()]
expected = {"torch": torch.__version__, "layers": layers, "refused": REFUSED, "errors": errors}
Path(__file__).with_name("expected.json").write_text(json.dumps(expected, indent=1) + "\n")
