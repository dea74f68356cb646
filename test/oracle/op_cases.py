"""The rows of own-ops: every tensor operation over shapes, dims and values where functions bend or end."""
import itertools
import math

import torch

from cases import Case, draw, size_text
from op_ops import BINARY, COMPARE, OPS, UNARY

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 2.0, 3.0, 1e-30, 1e30, -1e30, math.inf, -math.inf, math.nan]
POSITIVE = {"log", "log1p", "sqrt", "rsqrt"}
WHOLE = "a b c".split()


def row(name, op, operands, args=None, grad=True):
    """Operands are tensors, or shapes of normal values; dy is drawn in the shape of each output that is float."""
    args = args or {}
    id = f"{op}.{name}"
    inputs = {key: value if isinstance(value, torch.Tensor) else draw(id, key, value) for key,
              value in zip(free(args), operands)}
    y = OPS[op](args, inputs)
    outputs = list(y)
    if grad and any(x.is_floating_point() for x in inputs.values()):
        floats = [key for key in inputs if inputs[key].is_floating_point()]
        dys = {f"d{key}": draw(id, f"d{key}", list(y[key].shape)) for key in outputs if y[key].is_floating_point()}
        outputs += [f"d{key}" for key in floats] if dys else []
        inputs = {**inputs, **dys}
    return Case(id, op, args, inputs, {}, outputs)


def free(args):
    """Names of operands that args do not hold as numbers."""
    return [key for key in WHOLE if key not in args]


def name_of(*values):
    return ".".join(size_text(v) if isinstance(v, list) else str(v) for v in values)


def pairs():
    """Every pair of special values, as two equal shapes."""
    grid = torch.tensor(list(itertools.product(SPECIAL, SPECIAL)))
    return [grid[:, 0].clone(), grid[:, 1].clone()]


def elementwise():
    for op in UNARY:
        kind = "positive" if op in POSITIVE else "normal"
        for shape in [[3, 4], [], [0, 3]]:
            yield row(size_text(shape), op, [draw(op, "a", shape, kind)])
        yield row("special", op, [torch.tensor(SPECIAL)])
    yield row("wide", "erf", [torch.linspace(-7, 7, 57)])
    yield row("tiny", "log1p", [torch.logspace(-30, 0, 16)])
    yield row("wide", "tanh", [torch.linspace(-12, 12, 25)])
    yield row("wide", "sigmoid", [torch.linspace(-120, 120, 25)])
    shapes = [([3, 4], [3, 4]), ([3, 4], [4]), ([4], [3, 4]), ([3, 1], [1, 4]), ([2, 3, 4], [3, 1]), ([], [3]),
              ([2, 2], []), ([], []),
              ([0, 3], [3]), ([0, 3], [1, 1]), ([2, 0, 3], [2, 1, 3]), ([1], [0]), ([2, 1, 4, 1], [3, 1, 5])]
    for op in BINARY:
        for a, b in shapes:
            second = draw(op, "b", b, "positive") if op in ("div", "pow") else b
            first = draw(op, "a", a, "positive") if op == "pow" else a
            yield row(name_of(a, b), op, [first, second])
        yield row("special", op, pairs())
        for constant in [0, 1, -1, 2, 0.5, -2.5]:
            yield row(f"number{constant}", op, [torch.tensor(SPECIAL)], {"b": constant})
            yield row(f"of{constant}", op, [torch.tensor(SPECIAL)], {"a": constant})
    for op in COMPARE:
        yield row("special", op, pairs())
        yield row("broadcast", op, [[3, 1], [4]])
        yield row("number", op, [torch.tensor(SPECIAL)], {"b": 1})
        yield row("int64", op, [torch.arange(4), torch.tensor([0, 2, 1, 3])])
        yield row("bool", op, [torch.tensor([True, True, False]), torch.tensor([True, False, False])])
    truth = [torch.tensor([[True], [False]]), torch.tensor([True, False, True])]
    yield row("broadcast", "and", truth)
    yield row("broadcast", "or", truth)
    yield row("2x1", "not", truth[:1])


def chosen():
    mask = torch.tensor([[True, False, True, False], [False, False, True, True], [True, True, True, False]])
    for a, b in [([3, 4], [3, 4]), ([4], [3, 1]), ([], [3, 4]), ([2, 3, 4], [1])]:
        yield row(name_of(a, b), "where", [mask, a, b])
    yield row("number", "where", [mask, [3, 4]], {"c": 0.5})
    yield row("ofnumber", "where", [mask, [4]], {"b": -1})
    yield row("broadcastmask", "where", [mask[:, :1], [1, 4], [3, 4]])
    yield row("nan", "where", [torch.tensor([True, False]), torch.tensor([1.0, math.nan]),
                               torch.tensor([math.nan, 2.0])])
    for args in [{"min": -0.5}, {"max": 0.5}, {"min": -0.5, "max": 0.5}, {"min": 1, "max": 1}, {"min": 1, "max": -1}]:
        yield row(name_of(*(f"{k}{v}" for k, v in args.items())), "clamp", [torch.tensor([*SPECIAL, 0.5, -0.5])], args)
    floats = torch.tensor([0.0, -0.0, 0.5, -0.5, 1.9, -1.9, 3e9, -2.0])
    yield row("int64", "to", [floats], {"dtype": "int64"})
    yield row("bool", "to", [torch.tensor(SPECIAL)], {"dtype": "bool"})
    yield row("float32", "to", [[2, 3]], {"dtype": "float32"})
    yield row("int64float32", "to", [torch.tensor([0, -3, 2**40 + 1])], {"dtype": "float32"})
    yield row("boolint64", "to", [torch.tensor([True, False])], {"dtype": "int64"})
    yield row("int64bool", "to", [torch.tensor([0, -3, 2**40])], {"dtype": "bool"})


def reductions():
    axes = [([2, 3, 4], None), ([2, 3, 4], [0]), ([2, 3, 4], [1]), ([2, 3, 4], [-1]), ([2, 3, 4], [0, 2]),
            ([2, 3, 4], [0, 1, 2]),
            ([2, 3, 2, 4], [1, 3]), ([2, 2, 3, 2, 2], [0, 2, 4]), ([2, 2, 3, 2, 2], [3, 1]), ([2, 1, 3], [1]),
            ([], None), ([5], [0])]
    for op in ["sum", "mean", "var", "max", "min"]:
        for i, (shape, dims) in enumerate(axes):
            args = {} if dims is None else {"dims": dims}
            args = {**args, **({"keepdim": True} if i % 2 else {}),
                    **({"unbiased": False} if op == "var" and i % 3 else {})}
            yield row(name_of(shape, f"dims{dims}", *(f"{k}{v}" for k, v in args.items() if k != "dims")), op, [shape],
                      args)
        yield row("special", op, [torch.tensor(SPECIAL).reshape(2, 7)], {"dims": [1]})
        yield row("large", op, [draw(op, "large", [4, 50], "mean1e6")], {"dims": [1]})
    yield row("one", "var", [[3, 1]], {"dims": [1]})
    ties = torch.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [-1.0, -1.0, 0.0]])
    for op in ["max", "min"]:
        for dims in [[0], [1], [0, 1]]:
            yield row(f"ties{dims}", op, [ties], {"dims": dims})
    for op in ["sum", "mean", "var", "vector_norm"]:
        for shape, dims in [([0], [0]), ([2, 0, 3], [1]), ([2, 0, 3], [2]), ([0, 3], [1])]:
            yield row(name_of(shape, f"dims{dims}"), op, [shape], {"dims": dims})
    for op in ["max", "min"]:
        yield row("0x3.dims[1]", op, [[0, 3]], {"dims": [1]})
    gaps = torch.tensor([[0.0, 3.0, -4.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, -2.0, 0.5, 0.25]])
    for p in [2, 1, 0, 3, 1.5, 0.5, -1, -2.5, "inf", "-inf"]:
        for shape, dims in [([2, 3, 4], [1]), ([2, 3, 4], [0, 2]), ([2, 3, 4], None), ([], None)]:
            args = {"p": p, **({} if dims is None else {"dims": dims}),
                    **({"keepdim": True} if shape and dims == [1] else {})}
            yield row(name_of(shape, f"dims{dims}", f"p{p}"), "vector_norm", [shape], args)
        if p not in (-1, -2.5):
            yield row(f"gaps.p{p}", "vector_norm", [gaps], {"p": p, "dims": [1]})
    for kind in ["1e-30", "1e30", "nan", "inf"]:
        yield row(f"{kind}.p2", "vector_norm", [draw("vector_norm", kind, [2, 6], kind)], {"dims": [1]})


def movements():
    for shape, to in [([2, 3, 4], [4, 6]), ([2, 3, 4], [-1]), ([6], [2, -1, 1]), ([], [1, 1]), ([1], []),
                      ([0, 3], [3, 0]), ([2, 0], [0])]:
        yield row(name_of(shape, to), "reshape", [shape], {"shape": to})
    for shape, dims in [([2, 3], [1, 0]), ([2, 3, 4], [2, 0, 1]), ([2, 3, 4], [-1, 0, -2]),
                        ([2, 3, 1, 2], [3, 2, 1, 0]), ([], []), ([0, 3], [1, 0]),
                        ([2, 2, 2, 2, 3], [4, 2, 0, 3, 1])]:
        yield row(name_of(shape, f"dims{dims}"), "permute", [shape], {"dims": dims})
    for shape, dims in [([2, 3], [0, 1]), ([2, 3, 4], [-1, 0]), ([2, 3, 4], [1, 1]), ([], [0, -1])]:
        yield row(name_of(shape, f"dims{dims}"), "transpose", [shape], {"dims": dims})
    for shape, dim in [([2, 3], 0), ([2, 3], 2), ([2, 3], -1), ([2, 3], -3), ([], 0), ([], -1)]:
        yield row(name_of(shape, f"dim{dim}"), "unsqueeze", [shape], {"dim": dim})
    for shape, dims in [([1, 3, 1], None), ([1, 3, 1], [0]), ([1, 3, 1], [-1]), ([1, 3, 1], [1]), ([1, 3, 1], [0, 2]),
                        ([], None), ([1], [0])]:
        yield row(name_of(shape, f"dims{dims}"), "squeeze", [shape], {} if dims is None else {"dims": dims})
    for shape, args in [([2, 3, 4], {}), ([2, 3, 4], {"start": 1}), ([2, 3, 4], {"start": 0, "end": 1}), ([], {}),
                        ([5], {}), ([2, 0, 3], {"start": -2})]:
        yield row(name_of(shape, *(f"{k}{v}" for k, v in args.items())), "flatten", [shape], args)
    for shape, to in [([3, 1], [3, 4]), ([1], [5]), ([], [2, 3]), ([3], [2, 3]), ([2, 1, 3], [-1, 4, -1]),
                      ([1, 3], [0, 3]), ([2, 3], [2, 3])]:
        yield row(name_of(shape, to), "expand", [shape], {"shape": to})
    for shape, counts in [([3], [2]), ([2, 3], [2, 1]), ([2, 3], [1, 3]), ([2], [3, 2]), ([], [2, 2]),
                          ([2, 1, 3], [1, 2, 2]), ([2], [0])]:
        yield row(name_of(shape, f"by{counts}"), "repeat", [shape], {"counts": counts})
    for shape, sizes, dim in [([7], 3, 0), ([2, 6], 2, 1), ([2, 6], [1, 2, 3], -1), ([3, 2], [3], 0),
                              ([4, 2], [0, 4], 0), ([0, 2], 2, 0)]:
        yield row(name_of(shape, f"sizes{sizes}", f"dim{dim}"), "split", [shape], {"sizes": sizes, "dim": dim})
    for shape, chunks, dim in [([7], 3, 0), ([2, 6], 3, 1), ([2, 5], 4, -1), ([3], 5, 0)]:
        yield row(name_of(shape, f"chunks{chunks}", f"dim{dim}"), "chunk", [shape], {"chunks": chunks, "dim": dim})
    for shape, args in [([6], {"dim": 0, "start": 1, "end": 4}), ([2, 6], {"dim": 1, "start": -3}),
                        ([2, 6], {"dim": -1, "end": -2, "step": 2}),
                        ([6, 2], {"dim": 0, "start": 1, "step": 3}), ([5], {"dim": 0, "start": 3, "end": 2}),
                        ([5], {"dim": 0, "start": -9, "end": 99}),
                        ([2, 3, 4], {"dim": 1, "step": 2}), ([0, 2], {"dim": 0, "end": 1})]:
        yield row(name_of(shape, *(f"{k}{v}" for k, v in args.items())), "slice", [shape], args)
    for shape, dim, index in [([3], 0, 1), ([2, 3, 4], 1, -1), ([2, 3, 4], -1, 0), ([2, 3, 4], 0, 1), ([1, 1], 0, 0)]:
        yield row(name_of(shape, f"dim{dim}", f"index{index}"), "select", [shape], {"dim": dim, "index": index})
    for shapes, dim in [([[2], [3]], 0), ([[2, 3], [1, 3], [4, 3]], 0), ([[2, 3], [2, 1]], 1),
                        ([[2, 3, 2], [2, 0, 2], [2, 1, 2]], -2), ([[3]], 0)]:
        yield row(name_of(*shapes, f"dim{dim}"), "cat", shapes, {"dim": dim})
    for count, shape, dim in [(2, [3], 0), (3, [2, 2], 1), (2, [2, 2], -1), (2, [], 0), (1, [2], 1)]:
        yield row(name_of(count, shape, f"dim{dim}"), "stack", [shape] * count, {"dim": dim})


def products():
    for a, b in [([3], [3]), ([3], [3, 2]), ([2, 3], [3]), ([2, 3], [3, 4]), ([3], [2, 3, 4]), ([2, 3, 4], [4]),
                 ([2, 3], [5, 3, 2]), ([5, 2, 3], [3, 2]),
                 ([4, 2, 3], [4, 3, 2]), ([4, 2, 3], [1, 3, 2]), ([1, 2, 3], [4, 3, 2]), ([2, 3, 2, 4], [3, 4, 2]),
                 ([2, 1, 2, 3], [3, 3, 2]),
                 ([2, 0], [0, 3]), ([0, 3], [3, 2]), ([2, 3], [3, 0]), ([0, 2, 3], [3, 2]), ([0], [0]),
                 ([2, 0, 3], [2, 3, 0]), ([1, 1], [1, 1])]:
        yield row(name_of(a, b), "matmul", [a, b])
    yield row("special", "matmul", [torch.tensor([[1.0, math.inf], [math.nan, 1.0], [0.0, 2.0]]),
                                    torch.tensor([[0.0, 1.0], [1.0, 1.0]])])
    for shapes in [[[3], [2, 3], [2]], [[4, 3], [2, 3]], [[2, 4, 3], [5, 3], [5]], [[2, 1, 2, 3], [1, 3], [1]],
                   [[0, 3], [2, 3], [2]],
                   [[2, 0], [3, 0], [3]]]:
        yield row(name_of(*shapes), "linear", shapes)
    for shape, dim in [([4], 0), ([2, 5], -1), ([2, 5], 0), ([2, 3, 4], 1), ([2, 3, 4], -1), ([], 0), ([0, 3], 1),
                       ([2, 0], 1)]:
        for op in ["softmax", "log_softmax"]:
            yield row(name_of(shape, f"dim{dim}"), op, [shape], {"dim": dim})
    hard = torch.tensor([[1000.0, 999.0, -1000.0], [-math.inf, 0.0, 1.0], [-math.inf] * 3, [math.inf, 1.0, 2.0],
                         [math.nan, 0.0, 1.0], [-1e30, 1e30, 0.0]])
    for op in ["softmax", "log_softmax"]:
        yield row("hard", op, [hard], {"dim": 1})
    for shapes in [[[2, 3], [5, 4]], [[], [3, 2]], [[4], [3, 1]], [[2, 2], [3, 0]]]:
        index = draw("embedding", "a", shapes[0]).mul(3).abs().long() % shapes[1][0]
        yield row(name_of(*shapes), "embedding", [index, shapes[1]])
    yield row("repeated", "embedding", [torch.tensor([[1, 1, 0], [1, 2, 1]]), [3, 2]])


def convolutions():
    def conv(rank, x, weight, bias=True, transposed=False, **args):
        op = f"conv_transpose{rank}d" if transposed else f"conv{rank}d"
        channels = weight[1] * args.get("groups", 1) if transposed else weight[0]
        return row(name_of(x, weight, *(f"{k}{v}" for k, v in args.items()), *([] if bias else ["nobias"])), op,
                   [x, weight, *([[channels]] if bias else [])], args)

    for transposed in [False, True]:
        def w(out, per_group, *kernel, groups=1):
            return [per_group * groups, out // groups, *kernel] if transposed else [out, per_group, *kernel]

        extra = [{"output_padding": 1, "stride": 2}] if transposed else []
        for args in [{}, {"stride": 2}, {"padding": 2}, {"dilation": 2}, {"stride": 3, "padding": 1, "dilation": 2},
                     *extra]:
            yield conv(1, [2, 3, 8], w(4, 3, 3), transposed=transposed, **args)
        yield conv(1, [2, 4, 6], w(6, 2, 2, groups=2), transposed=transposed, groups=2)
        yield conv(1, [2, 3, 6], w(6, 1, 2, groups=3), transposed=transposed, bias=False, groups=3)
        yield conv(1, [3, 5], w(2, 3, 1), transposed=transposed)
        yield conv(1, [0, 3, 5], w(2, 3, 2), transposed=transposed)
        for args in [{}, {"stride": [2, 1], "padding": [1, 0]}, {"padding": 1, "dilation": [1, 2]},
                     {"stride": 2, "padding": 1}]:
            yield conv(2, [2, 2, 5, 4], w(3, 2, 3, 2), transposed=transposed, **args)
        yield conv(2, [1, 4, 3, 3], w(4, 1, 2, 2, groups=4), transposed=transposed, groups=4, padding=1)
        yield conv(2, [2, 4, 4], w(3, 2, 1, 3), transposed=transposed, bias=False)
        yield conv(3, [1, 2, 3, 4, 3], w(2, 2, 2, 3, 2), transposed=transposed)
        yield conv(3, [2, 2, 3, 3, 3], w(2, 1, 2, 2, 2, groups=2), transposed=transposed, groups=2, stride=[1, 2, 1],
                   padding=[1, 1, 0])
        yield conv(3, [2, 3, 2, 2], w(1, 2, 1, 2, 2), transposed=transposed, dilation=[1, 1, 1])
    yield conv(2, [1, 2, 3, 3], [2, 3, 2, 2], transposed=True, stride=[2, 3], output_padding=[1, 2], padding=1)


def activations():
    bend = torch.tensor([*SPECIAL, -5.0, 6.0, 6.5, 20.0, 21.0, -30.0, 90.0, -90.0])
    for op, args in [("gelu", {}), ("gelu", {"approximate": "tanh"}), ("silu", {}), ("elu", {}),
                     ("elu", {"alpha": 0.5}), ("leaky_relu", {}),
                     ("leaky_relu", {"slope": 0.2}), ("relu6", {}), ("softplus", {}),
                     ("softplus", {"beta": 2.0, "threshold": 5.0})]:
        name = name_of(*(f"{k}{v}" for k, v in args.items()))
        yield row(f"3x5.{name}", op, [[3, 5]], args)
        defined = bend
        if args.get("approximate"):
            defined = bend[bend.abs() != 1e30]  # its cube is beyond float32
        elif op in ("elu", "relu6"):
            defined = bend[~bend.isnan()]  # PyTorch's kernels for one and for several elements at a time differ there
        yield row(f"bend.{name}", op, [defined], args)
        yield row(f"empty.{name}", op, [[0, 2]], args)


def op_cases():
    for make in [elementwise, chosen, reductions, movements, products, convolutions, activations]:
        yield from make()
