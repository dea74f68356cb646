"""What each op of own-ops computes, in PyTorch and in the dtype of the tensors given.

An op is a function of (operands, args): operands are the tensors a, b, ... in order, and args holds numbers in place of
operands under the same names. The outputs are y, or y0, y1, ..., with gradients of sum(y*dy) where dy is given.
"""
import math

import torch
import torch.nn.functional as F

from differentiate import gradients

NUMBERS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def number(value):
    """JSON has no infinities."""
    return NUMBERS.get(value, value) if isinstance(value, str) else value


def run(f):
    def op(args, t):
        names = sorted(name for name in {*t, *args} if name in ("a", "b", "c"))
        y = f([t[name] if name in t else number(args[name]) for name in names], args)
        outputs = {"y": y} if isinstance(y, torch.Tensor) else {f"y{i}": part for i, part in enumerate(y)}
        given = {name: t[f"d{name}"] for name in outputs if f"d{name}" in t}
        if given:
            floats = [name for name in names if name in t and t[name].is_floating_point()]
            found = gradients([outputs[name] for name in given], list(given.values()), [t[name] for name in floats])
            outputs = {**outputs, **{f"d{name}": g for name, g in zip(floats, found)}}
        return outputs

    return op


def elementwise(name):
    return lambda xs, args: getattr(torch,
                                    name)(*(x if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=like(xs))
                                            for x in xs))


def like(xs):
    return next(x.dtype for x in xs if isinstance(x, torch.Tensor))


def dims(x, args):
    given = args.get("dims")
    return list(range(x.dim())) if given is None or given == [] else given


def reduction(f):
    return lambda xs, args: f(xs[0], dims(xs[0], args), args.get("keepdim", False), args)


def vector_norm(x, d, keepdim, args):
    return torch.linalg.vector_norm(x, number(args.get("p", 2)), d or None, keepdim)


def where(xs, args):
    condition, *rest = xs
    return torch.where(condition, *(x if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=like(rest))
                                    for x in rest))


def clamp(xs, args):
    return xs[0].clamp(**{key: args[key] for key in ("min", "max") if key in args})


def sliced(xs, args):
    index = [slice(None)] * xs[0].dim()
    index[args["dim"]] = slice(args.get("start", 0), args.get("end"), args.get("step", 1))
    return xs[0][tuple(index)]


def convolution(name):
    def f(xs, args):
        bias = xs[2] if len(xs) > 2 else None
        keys = ["stride", "padding", "dilation", "groups", "output_padding"]
        return getattr(F, name)(xs[0], xs[1], bias, **{key: args[key] for key in keys if key in args})
    return f


UNARY = ["neg", "abs", "sign", "exp", "log", "log1p", "sqrt", "rsqrt", "square", "reciprocal", "sin", "cos", "tanh",
         "sigmoid", "erf",
         "relu", "floor"]
BINARY = ["add", "sub", "mul", "div", "pow", "maximum", "minimum"]
COMPARE = ["eq", "ne", "lt", "le", "gt", "ge"]
LOGIC = {"and": "logical_and", "or": "logical_or", "not": "logical_not"}
CONVOLUTIONS = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

FUNCTIONS = {
    **{name: elementwise(name) for name in UNARY + BINARY + COMPARE},
    **{name: elementwise(torch_name) for name, torch_name in LOGIC.items()},
    **{name: convolution(name) for name in CONVOLUTIONS},
    "where": where,
    "clamp": clamp,
    "to": lambda xs, args: xs[0].to({"float32": xs[0].dtype if xs[0].is_floating_point() else torch.float32,
                                     "int64": torch.int64,
                                     "bool": torch.bool}[args["dtype"]]),
    "sum": reduction(lambda x, d, keepdim, args: x.sum(d, keepdim)),
    "mean": reduction(lambda x, d, keepdim, args: x.mean(d, keepdim)),
    "var": reduction(lambda x, d, keepdim, args: x.var(d, unbiased=args.get("unbiased", True), keepdim=keepdim)),
    "max": reduction(lambda x, d, keepdim, args: x.amax(d, keepdim)),
    "min": reduction(lambda x, d, keepdim, args: x.amin(d, keepdim)),
    "vector_norm": reduction(vector_norm),
    "reshape": lambda xs, args: xs[0].reshape(args["shape"]),
    "permute": lambda xs, args: xs[0].permute(args["dims"]),
    "transpose": lambda xs, args: xs[0].transpose(*args["dims"]),
    "unsqueeze": lambda xs, args: xs[0].unsqueeze(args["dim"]),
    "squeeze": lambda xs, args: xs[0].squeeze() if "dims" not in args else squeezed(xs[0], args["dims"]),
    "flatten": lambda xs, args: xs[0].flatten(args.get("start", 0), args.get("end", -1)),
    "expand": lambda xs, args: xs[0].expand(args["shape"]),
    "repeat": lambda xs, args: xs[0].repeat(args["counts"]),
    "split": lambda xs, args: xs[0].split(args["sizes"], args.get("dim", 0)),
    "chunk": lambda xs, args: xs[0].chunk(args["chunks"], args.get("dim", 0)),
    "slice": sliced,
    "select": lambda xs, args: xs[0].select(args["dim"], args["index"]),
    "cat": lambda xs, args: torch.cat(xs, args.get("dim", 0)),
    "stack": lambda xs, args: torch.stack(xs, args.get("dim", 0)),
    "matmul": lambda xs, args: torch.matmul(*xs),
    "linear": lambda xs, args: F.linear(*xs),
    "softmax": lambda xs, args: xs[0].softmax(args["dim"]),
    "log_softmax": lambda xs, args: xs[0].log_softmax(args["dim"]),
    "gelu": lambda xs, args: F.gelu(xs[0], approximate=args.get("approximate", "none")),
    "silu": lambda xs, args: F.silu(xs[0]),
    "elu": lambda xs, args: F.elu(xs[0], args.get("alpha", 1.0)),
    "leaky_relu": lambda xs, args: F.leaky_relu(xs[0], args.get("slope", 0.01)),
    "relu6": lambda xs, args: F.relu6(xs[0]),
    "softplus": lambda xs, args: F.softplus(xs[0], args.get("beta", 1.0), args.get("threshold", 20.0)),
    "embedding": lambda xs, args: F.embedding(*xs),
}


def squeezed(x, given):
    """Several dims at once, as releases from 2.0 have it."""
    for d in sorted((d % max(x.dim(), 1) for d in given), reverse=True):
        x = x.squeeze(d)
    return x


OPS = {name: run(f) for name, f in FUNCTIONS.items()}
