"""The rows of own-layers: every layer op over shapes, arguments, parameters and hard inputs."""
from cases import BEYOND_FLOAT32, Case, draw, integer, size_text

HARD = ["mean1e4", "mean1e6", "meanneg3e4std0.01", "constant", "constantbig", "zeros", "1e-20", "1e-30", "subnormal",
        "1e20", "1e30", "nan", "inf", "neginf", "outlier", "scales"]
AFFINE = {"affine": ["weight", "bias"], "weight": ["weight"], "bias": ["bias"], "plain": []}


def case(id, op, args, shapes, params, outputs, kinds=None, tags=(), values=None):
    """Tensors are drawn in the shapes given; `kinds` says which are not normal, `values` gives some outright."""
    kinds = {"weight": "scale", "bias": "shift", "running_mean": "shift", "running_var": "positive", **(kinds or {})}

    values = values or {}

    def make(names):
        return {name: values[name] if name in values else draw(id, name, shape, kinds.get(name, "normal"))
                for name, shape in names.items()}

    return Case(id, op, args, make(shapes), make(params), outputs, list(tags))


def simple(op, name, args, shape, affine, size, hard=None, params=(), extra=(), tags=()):
    """One input x with its dy; parameters of one shape; gradients of all of them."""
    names = AFFINE[affine]
    kind = hard or "normal"
    id = ".".join([op, size_text(shape), *([name] if name else []), *([affine] if names or affine == "plain" else []),
                   *([f"hard_{hard}"] if hard else []), *(["empty"] if 0 in shape else [])])
    tags = [*tags, *(["hard", hard] if hard else []), *(["beyond_f32"] if hard in BEYOND_FLOAT32 else []),
            *(["empty"] if 0 in shape else []), *(["negative_eps"] if (args.get("eps") or 0) < 0 else [])]
    outputs = ["y", "dx", *(f"d{p}" for p in names), *extra]
    return case(id, op, args, {"x": shape, "dy": shape}, {**{p: size for p in names}, **dict(params)}, outputs,
                {"x": kind}, tags)


def layer_norms():
    rows = [([1, 1], 1), ([4, 1], 1), ([1, 9], 1), ([2, 3, 4], 2), ([2, 3, 4], 3), ([3, 1, 4, 1], 2), ([1, 1, 1], 2),
            ([7], 1),
            ([2, 0], 1), ([0, 3, 4], 2), ([2, 0, 4], 1), ([2, 3, 0], 2), ([5, 33], 1), ([2, 1025], 1),
            ([2, 2, 2, 2, 2, 2], 3)]
    for i, (shape, last) in enumerate(rows):
        wanted = shape[-last:]
        yield simple("layer_norm", f"last{last}", {"normalized_shape": wanted, "eps": 1e-5}, shape,
                     ["affine", "plain", "weight", "bias"][i % 4], wanted)
    for eps in [0.0, 1e-12, 1e-3, 0.5, -0.5, -1e-3]:
        yield simple("layer_norm", f"eps{eps:g}", {"normalized_shape": [6], "eps": eps}, [4, 6], "affine", [6])
    yield simple("layer_norm", "defaulteps", {"normalized_shape": [5]}, [3, 5], "affine", [5])
    yield simple("layer_norm", "stats", {"normalized_shape": [3, 4], "eps": 1e-5}, [2, 3, 4], "affine", [3, 4],
                 extra=["mean", "var", "mean_x2"])
    for hard in HARD:
        yield simple("layer_norm", "", {"normalized_shape": [32], "eps": 1e-5}, [3, 32], "affine", [32], hard)
    for hard in ["1e-20", "1e-30", "constant", "zeros", "1e30", "scales"]:
        yield simple("layer_norm", "eps0", {"normalized_shape": [10], "eps": 0.0}, [3, 10], "affine", [10], hard)
    for hard in ["mean1e4", "1e20", "nan"]:
        yield simple("layer_norm", "last2", {"normalized_shape": [3, 5], "eps": 1e-5}, [4, 3, 5], "plain", [], hard)
    for affine, shape, last, eps in [("affine", [3, 8], 1, 1e-5), ("plain", [2, 3, 4], 2, 0.5),
                                     ("weight", [1, 5], 1, 1e-5),
                                     ("bias", [2, 2, 3], 1, -0.5), ("affine", [0, 4], 1, 1e-5)]:
        yield simple("native_layer_norm", f"eps{eps:g}", {"normalized_shape": shape[-last:], "eps": eps}, shape, affine,
                     shape[-last:],
                     extra=["save_mean", "save_rstd"])
    # An infinity in the mean depends on how PyTorch splits the row.
    for hard in ["mean1e4", "1e20", "nan", "constant"]:
        yield simple("native_layer_norm", "", {"normalized_shape": [16], "eps": 1e-5}, [3, 16], "affine", [16], hard,
                     extra=["save_mean", "save_rstd"])


def rms_norms():
    rows = [([1, 1], 1, 1e-5), ([5, 1], 1, 1e-6), ([2, 3, 4], 2, 1e-6), ([2, 3, 4], 3, 1e-6), ([3, 65], 1, 1e-12),
            ([0, 4], 1, 1e-6),
            ([2, 0], 1, 1e-6), ([2, 3, 0, 2], 2, 1e-6), ([9], 1, 0.0), ([4, 6], 1, -0.25), ([3, 5], 1, None),
            ([2, 1024], 1, None)]
    for i, (shape, last, eps) in enumerate(rows):
        yield simple("rms_norm", f"last{last}.eps{eps}", {"normalized_shape": shape[-last:], "eps": eps}, shape,
                     "weight" if i % 3 else "plain", shape[-last:])
    yield simple("rms_norm", "defaulteps", {"normalized_shape": [5]}, [3, 5], "weight", [5])
    for hard in HARD:
        yield simple("rms_norm", "", {"normalized_shape": [24], "eps": 1e-6}, [3, 24], "weight", [24], hard)
    for hard in ["1e-20", "1e-30", "1e30", "zeros"]:
        yield simple("rms_norm", "eps0", {"normalized_shape": [8], "eps": 0.0}, [3, 8], "weight", [8], hard)
    for hard in ["zeros", "1e20", "scales"]:
        yield simple("rms_norm", "epsNone", {"normalized_shape": [8], "eps": None}, [3, 8], "plain", [8], hard)


def channel_norms():
    for shape, affine, eps in [([1, 1, 1, 1], "affine", 1e-6), ([2, 5, 1, 3], "plain", 1e-6),
                               ([1, 16, 4, 4], "affine", 1e-6),
                               ([3, 2, 5, 1], "weight", 0.1), ([2, 4, 3, 3], "bias", 1e-5),
                               ([0, 4, 2, 2], "affine", 1e-6),
                               ([2, 4, 0, 2], "affine", 1e-6), ([2, 33, 2, 2], "affine", 0.0)]:
        yield simple("layer_norm2d", f"eps{eps:g}", {"num_channels": shape[1], "eps": eps, "layout": "NCHW"}, shape,
                     affine, [shape[1]])
    for hard in HARD:
        yield simple("layer_norm2d", "", {"num_channels": 6, "eps": 1e-6, "layout": "NCHW"}, [2, 6, 3, 3], "affine",
                     [6], hard,
                     extra=["mean", "var"] if hard == "mean1e4" else ())
    rows = [([3, 6], 1), ([3, 6], 2), ([3, 6], 6), ([2, 6, 5], 3), ([2, 6, 1], 6), ([1, 6, 4], 2), ([2, 6, 4, 3], 3),
            ([2, 12, 2, 3, 2], 4),
            ([1, 64], 32), ([0, 6, 4], 3), ([2, 6, 0], 2), ([2, 8, 1, 1], 4), ([2, 6, 2, 2, 2, 2], 2), ([4, 1, 5], 1)]
    for i, (shape, groups) in enumerate(rows):
        args = {"num_groups": groups, "num_channels": shape[1], "eps": 1e-5}
        # PyTorch's own backward fails with a bias alone, and with a weight where there are groups of no elements.
        affine = "plain" if 0 in shape[1:] else "affine" if 0 in shape else ["affine", "plain", "weight"][i % 3]
        yield simple("group_norm", f"g{groups}", args, shape, affine, [shape[1]])
    for eps in [0.0, 0.5, -0.5, 1e-12]:
        yield simple("group_norm", f"g2.eps{eps:g}", {"num_groups": 2, "eps": eps}, [2, 6, 3], "affine", [6])
    yield simple("group_norm", "g3.defaulteps", {"num_groups": 3}, [2, 6, 3], "affine", [6])
    for hard in HARD:
        yield simple("group_norm", "g2", {"num_groups": 2, "num_channels": 4, "eps": 1e-5}, [2, 4, 3, 3], "affine", [4],
                     hard)


BUFFERS = ["running_mean", "running_var", "num_batches_tracked"]


def module(op, shape, mode, momentum=0.1, affine=True, track=True, eps=1e-5, steps=1, start=5, hard=None,
           unbatched=False):
    """A BatchNorm or InstanceNorm module; `start` batches were counted before, 0 is a fresh one."""
    instance = op.startswith("instance")
    channels = shape[0 if unbatched else 1]
    args = {"num_features": channels, "eps": eps, "momentum": momentum, "affine": affine, "track_running_stats": track,
            "mode": mode}
    if instance:
        args["unbatched"] = unbatched
    else:
        args["steps"] = steps = 0 if mode == "eval" else steps
    id = ".".join([op, size_text(shape), mode + (str(steps) if "train" in mode and not instance else ""),
                   f"mom{momentum}", "affine" if affine else "plain", "track" if track else "notrack", f"eps{eps:g}",
                   *(["fresh"] if start == 0 and track else []), *(["unbatched"] if unbatched else []),
                   *([f"hard_{hard}"] if hard else []), *(["empty"] if 0 in shape else [])])
    many = not instance and mode != "eval" and (steps > 1 or mode == "train_eval")
    passes = steps + (mode == "train_eval") if many else 1
    xs = [f"x{i}" for i in range(passes)] if many else ["x"]
    ys = [f"y{i}" for i in range(passes)] if many else ["y"]
    params = {**({"weight": [channels], "bias": [channels]} if affine else {}),
              **({b: [channels] for b in BUFFERS} if track else {})}
    values = {"num_batches_tracked": integer(start)}
    if start == 0:
        values.update(running_mean=draw(id, "0", [channels], "zeros"),
                      running_var=draw(id, "1", [channels], "zeros") + 1)
    outputs = [*ys, "dx", *(["dweight", "dbias"] if affine else []),
               *([f"{b}_after" for b in BUFFERS] if track else [])]
    tags = [*(["hard", hard] if hard else []), *(["beyond_f32"] if hard in BEYOND_FLOAT32 else []),
            *(["empty"] if 0 in shape else [])]
    kinds = {x: hard or "normal" for x in xs}
    return case(id, op, args, {**{x: shape for x in xs}, "dy": shape}, params, outputs, kinds, tags, values)


def batch_norms():
    for shape in [[6, 5], [2, 1], [4, 3, 7], [1, 3, 2], [0, 3], [2, 3, 0]]:
        for mode in ["train", "eval"]:
            yield module("batch_norm1d", shape, mode)
    yield module("batch_norm1d", [1, 4], "eval")
    yield module("batch_norm1d", [5, 4], "eval", eps=0.0)
    yield module("batch_norm1d", [5, 4], "eval", affine=False)
    yield module("batch_norm1d", [5, 4], "train", affine=False, track=False, eps=0.5)
    yield module("batch_norm1d", [5, 4], "eval", track=False)
    for momentum in [None, 0.0, 1.0, 0.5, -0.5]:
        yield module("batch_norm1d", [5, 2], "train", momentum, steps=3)
        yield module("batch_norm2d", [3, 2, 2, 2], "train_eval", momentum, steps=2, start=0)
    yield module("batch_norm1d", [2, 3], "train", steps=8, start=0)
    yield module("batch_norm1d", [4, 2], "train", None, steps=6, start=0, affine=False)
    yield module("batch_norm1d", [0, 2], "train", None, steps=2, start=0)
    yield module("batch_norm2d", [2, 3, 1, 1], "train")
    yield module("batch_norm2d", [1, 5, 3, 4], "train")
    yield module("batch_norm2d", [3, 4, 2, 0], "train")
    yield module("batch_norm2d", [2, 3, 2, 2], "train_eval", steps=1)
    yield module("batch_norm3d", [2, 2, 1, 3, 2], "train", eps=1e-3)
    yield module("batch_norm3d", [2, 2, 2, 1, 2], "train_eval", affine=False, steps=2)
    yield module("batch_norm3d", [1, 3, 2, 2, 1], "eval")
    for hard in HARD:
        yield module("batch_norm2d", [3, 2, 3, 3], "train", hard=hard)
    for hard in ["mean1e6", "1e-30", "1e30", "nan", "inf", "outlier"]:
        yield module("batch_norm1d", [5, 3], "eval", hard=hard)
    for hard in ["mean1e4", "1e20"]:
        yield module("batch_norm1d", [6, 3], "train_eval", steps=2, hard=hard)


def instance_norms():
    for op, shape in [("instance_norm1d", [3, 4, 7]), ("instance_norm2d", [2, 3, 4, 5]),
                      ("instance_norm3d", [2, 3, 2, 3, 2])]:
        for unbatched in [False, True]:
            size = shape[1:] if unbatched else shape
            yield module(op, size, "train", 0.3, unbatched=unbatched)
            yield module(op, size, "eval", affine=False, unbatched=unbatched)
            yield module(op, size, "train", affine=False, track=False, unbatched=unbatched)
            yield module(op, size, "eval", track=False, start=0, unbatched=unbatched)
    yield module("instance_norm1d", [2, 3, 2], "train", start=0)
    yield module("instance_norm1d", [1, 2, 5], "train", 0.0)
    yield module("instance_norm1d", [4, 1, 6], "train", 1.0)
    yield module("instance_norm2d", [2, 3, 1, 5], "train", -0.5, eps=0.1)
    yield module("instance_norm2d", [2, 3, 1, 1], "eval")
    yield module("instance_norm2d", [2, 3, 0, 2], "train")
    yield module("instance_norm1d", [2, 3, 0], "train", track=False)
    yield module("instance_norm1d", [0, 3, 4], "train", affine=False, track=False)
    for hard in HARD:
        yield module("instance_norm2d", [2, 2, 3, 3], "train", track=False, hard=hard)
    for hard in ["mean1e4", "1e20", "constant"]:
        yield module("instance_norm2d", [2, 2, 3, 3], "train", hard=hard)


def functional_norms():
    def functional(op, name, shape, args, affine, buffers, extra=(), hard=None):
        channels = shape[1] if len(shape) > 1 else 0
        after = ["running_mean_after", "running_var_after"] if buffers else []
        return simple(op, name, args, shape, affine, [channels], hard,
                      {b: [channels] for b in BUFFERS[:2]} if buffers else {}, [*extra, *after])

    for shape, args, affine, buffers in [
            ([5, 5, 5], {"training": True, "momentum": 0.5, "eps": 0.6}, "affine", True),
            ([3, 2, 4], {"training": False, "momentum": -1.2}, "affine", True),
            ([3, 1], {"training": True, "momentum": 0.0}, "weight", True), ([0], {"training": True}, "plain", True),
            ([0], {"training": False}, "plain", True),
            ([3, 2, 3, 4], {"training": True, "momentum": -1.0, "eps": 0.5}, "bias", True),
            ([3, 2, 3, 4], {"training": False, "momentum": -1.0, "eps": 0.5}, "weight", True),
            ([2, 1], {}, "plain", True),
            ([4, 3], {"training": True}, "plain", False),
            ([2, 3, 2, 1, 2], {"training": True, "eps": 1e-3}, "affine", False),
            ([2, 3, 2, 2, 1, 2], {"training": True}, "affine", True)]:
        name = ".".join(f"{key}{value}" for key, value in args.items())
        yield functional("batch_norm", name, shape, args, affine, buffers)
    for shape, training, momentum, eps, affine, buffers in [
            ([5, 5, 5], True, 0.5, 0.6, "affine", True), ([3, 2, 4], False, -1.2, 1e-5, "affine", True),
            ([3, 1], True, 0.0, 1e-5, "plain", True),
            ([3, 2, 3, 4], True, -1.0, 0.5, "weight", False), ([3, 2], False, 0.1, 0.0, "bias", True),
            ([2, 3, 2], True, 0.1, 1e-5, "plain", False)]:
        args = {"training": training, "momentum": momentum, "eps": eps}
        yield functional("native_batch_norm", f"training{training}.mom{momentum}.eps{eps:g}", shape, args, affine,
                         buffers,
                         ["save_mean", "save_rstd"])
    for hard in ["mean1e4", "1e20", "nan"]:
        args = {"training": True, "momentum": 0.1, "eps": 1e-5}
        yield functional("native_batch_norm", "", [4, 2, 3], args, "affine", True, ["save_mean", "save_rstd"], hard)
    for shape, args, affine, buffers in [
            ([5, 5, 5], {"momentum": 0.5, "eps": 0.6}, "affine", True), ([3, 2, 4], {"momentum": -1.2}, "affine", True),
            ([3, 2, 4], {"momentum": 0.0}, "plain", True),
            ([3, 2, 3, 4], {"momentum": -1.0, "eps": 0.5}, "weight", True),
            ([2, 3, 5], {"use_input_stats": False}, "affine", True),
            ([2, 3, 2, 2], {"use_input_stats": False, "momentum": 0.7, "eps": 0.0}, "plain", True),
            ([2, 3, 5], {}, "plain", False), ([2, 3, 5], {"eps": 1e-3}, "affine", False),
            ([2, 3, 2, 2, 2], {"use_input_stats": True}, "bias", False)]:
        name = ".".join(f"{key}{value}" for key, value in args.items())
        yield functional("instance_norm", name, shape, args, affine, buffers)


def response_norms():
    def row(shape, args, hard=None):
        name = ".".join(f"{key}{value:g}" for key, value in args.items())
        return simple("local_response_norm", name, args, shape, "plain", [], hard)

    for size in range(1, 9):
        yield row([2, 7, 5], {"size": size, "alpha": 1.0 if size % 2 else 0.5, "beta": 0.75, "k": 1.0})
    for shape in [[1, 1, 3], [1, 2, 3, 2], [1, 3, 2, 2, 2], [0, 3, 4], [2, 3, 0], [3, 12, 1]]:
        yield row(shape, {"size": 4, "alpha": 0.7, "beta": 0.75, "k": 2.0})
    for args in [{"size": 2}, {"size": 5, "alpha": 0.0}, {"size": 3, "beta": 0.0},
                 {"size": 3, "alpha": 2.0, "beta": 1.0, "k": 0.5},
                 {"size": 5, "alpha": 1.0, "beta": 2.0, "k": 1.0}, {"size": 3, "alpha": 1.0, "beta": -0.5, "k": 1.0},
                 {"size": 3, "alpha": 1.0, "beta": 0.75, "k": 0.0}]:
        yield row([2, 5, 4], args)
    for hard in ["mean1e4", "zeros", "1e-20", "1e20", "nan", "inf", "outlier"]:
        yield row([1, 5, 8], {"size": 3, "alpha": 1e-4, "beta": 0.75, "k": 1.0}, hard)


def normalizes():
    def row(shape, args, hard=None):
        name = ".".join(f"{key}{value:g}" for key, value in args.items())
        return simple("normalize", name, args, shape, "plain", [], hard)

    for p in [0.0, 0.5, 1.0, 1.2, 1.5, 2.0, 3.0, -1.0, -2.5]:
        yield row([2, 3, 4], {"p": p, "dim": 1})
    for shape, dim in [([4, 5], 0), ([4, 5], -1), ([2, 1, 3], 1), ([6], 0), ([2, 3, 2, 3], -2), ([0, 3], 1),
                       ([0, 3], 0), ([], 0), ([], -1)]:
        yield row(shape, {"p": 2.0, "dim": dim})
        yield row(shape, {"p": 1.5, "dim": dim})
    yield row([2, 3, 4], {})
    for eps in [1e-4, 2.0, 100.0, 0.0]:
        yield row([3, 4], {"p": 2.0, "dim": 1, "eps": eps})
        yield row([3, 4], {"p": 1.0, "dim": 1, "eps": eps})
    for hard in ["zeros", "1e-20", "1e-30", "1e20", "1e30", "nan", "inf", "mean1e6", "outlier", "scales"]:
        yield row([3, 8], {"p": 2.0, "dim": 1}, hard)
    for p in [1.0, 3.0]:
        for hard in ["zeros", "nan", "1e-20"]:
            yield row([3, 8], {"p": p, "dim": -1}, hard)


def sums():
    def row(shape, last, affine="affine", hard=None, eps=1e-5, big=False):
        size = shape[-last:]
        names = AFFINE[affine]
        id = ".".join(["add_layer_norm", size_text(shape), f"last{last}", affine,
                       *([f"eps{eps:g}"] if eps != 1e-5 else []),
                       *([f"hard_{hard}"] if hard else []), *(["bigresidual"] if big else []),
                       *(["empty"] if 0 in shape else [])])
        inputs = {name: shape for name in ["x", "residual", "dy", "dsum"]}
        kinds = {"x": hard or "normal", "residual": "mean1e4" if big else hard or "normal"}
        tags = [*(["hard"] if hard or big else []), *([hard] if hard else []),
                *(["beyond_f32"] if hard in BEYOND_FLOAT32 else []),
                *(["empty"] if 0 in shape else [])]
        return case(id, "add_layer_norm", {"normalized_shape": size, "eps": eps}, inputs, {p: size for p in names},
                    ["y", "sum", "dx", "dresidual", *(f"d{p}" for p in names)], kinds, tags)

    for shape, last, affine in [([4, 8], 1, "plain"), ([2, 3, 5], 2, "affine"), ([1, 1], 1, "affine"),
                                ([5], 1, "weight"), ([0, 4], 1, "affine"),
                                ([2, 3, 2, 2], 1, "bias")]:
        yield row(shape, last, affine)
    yield row([3, 6], 1, eps=1e-12)
    yield row([3, 32], 1, big=True)
    for hard in ["mean1e6", "constant", "zeros", "1e-20", "1e20", "nan", "inf"]:
        yield row([3, 16], 1, hard=hard)


def weight_norms():
    inputs = {"linear": [3, 7], "conv1d": [2, 3, 8], "conv2d": [2, 3, 4, 3]}
    weights = {"linear": [5, 7], "conv1d": [4, 3, 5], "conv2d": [4, 3, 3, 2]}

    def row(layer, dim, bias=True, v="normal", g="scale", name=""):
        shape = weights[layer]
        kept = None if dim in (None, -1) else dim % len(shape)
        g_shape = [] if kept is None else [size if d == kept else 1 for d, size in enumerate(shape)]
        id = ".".join(["weight_norm", layer, size_text(shape), f"dim{dim}", *([] if bias else ["nobias"]),
                       *([name] if name else [])])
        args = {"layer": layer, "dim": dim, "weight_shape": shape, **({} if bias else {"bias": False})}
        params = {"weight_v": shape, "weight_g": g_shape, **({"bias": [shape[0]]} if bias else {})}
        return case(id, "weight_norm", args, {"x": inputs[layer], "dweight": shape}, params,
                    ["weight", "y", "dweight_g", "dweight_v", *(["direction"] if name == "direction" else [])],
                    {"weight_v": v, "weight_g": g}, ["hard", v] if v != "normal" else [])

    for layer, shape in weights.items():
        for dim in [None, *range(-len(shape), len(shape))]:
            yield row(layer, dim, bias=dim != 0)
    yield row("linear", 0, name="direction")
    for v in ["1e-20", "1e20", "1e30", "mean1e4", "nan", "zeros", "scales"]:
        yield row("linear", 0, v=v, name=f"hard_{v}")
        yield row("conv1d", None, v=v, name=f"hard_{v}")
    yield row("conv2d", 1, g="zeros", name="zerog")


def spectral_norms():
    weights = {"linear": [5, 7], "conv1d": [4, 3, 5], "conv2d": [4, 3, 3, 2]}

    def row(layer, mode, iterations=1, dim=0, eps=1e-12, kind="normal"):
        shape = weights[layer]
        rows = shape[dim or 0]
        columns = 1
        for size in shape:
            columns *= size
        columns //= rows
        id = ".".join(["spectral_norm", layer, size_text(shape), f"iter{iterations}", f"dim{dim}", f"eps{eps:g}", mode,
                       *([f"hard_{kind}"] if kind != "normal" else [])])
        args = {"layer": layer, "n_power_iterations": iterations, "eps": eps, "dim": dim, "mode": mode}
        u, v = draw(id, "u", [rows]), draw(id, "v", [columns])
        values = {"weight_u": u / u.norm(), "weight_v": v / v.norm()}
        params = {"weight_orig": shape, "weight_u": [rows], "weight_v": [columns]}
        return case(id, "spectral_norm", args, {"dweight": shape}, params,
                    ["weight", "weight_u_after", "weight_v_after", "dweight_orig"], {"weight_orig": kind},
                    ["hard", kind] if kind != "normal" else [], values)

    for layer in weights:
        for mode in ["train", "eval"]:
            yield row(layer, mode)
            yield row(layer, mode, 3, 1)
    yield row("linear", "train", 10)
    yield row("linear", "train", 2, None)
    yield row("linear", "train", eps=10.0)
    for kind in ["zeros", "1e-20", "1e20", "nan"]:
        yield row("linear", "train", kind=kind)


def by_hand():
    def row(shape, dims, keepdim=True, groups=None, eps=1e-5, hard=None):
        name = f"dims{','.join(map(str, dims))}.keepdim{keepdim}.groups{groups}"
        args = {"dims": dims, "eps": eps, "keepdim": keepdim, "groups": groups}
        return simple("stats", name, args, shape, "plain", [], hard, extra=["mean", "var"])

    for shape, dims, keepdim, groups in [
            ([4, 5], [0], True, None), ([4, 5], [1], False, None), ([2, 3, 4], [0, 2], True, None),
            ([2, 3, 4], [0, 1, 2], False, None),
            ([2, 3, 4, 2], [1, 3], False, None), ([2, 3, 2, 3, 2], [0, 2, 4], True, None),
            ([2, 3, 2, 3, 2], [-1, 1], False, None),
            ([2, 6, 3], [2, 3], True, 3), ([2, 6, 3], [2, 3], False, 2), ([2, 6, 2, 2], [2, 3, 4], True, 6),
            ([2, 6, 2, 2], [0, 1, 3], False, 2),
            ([1, 1, 1], [2], False, None), ([3, 1], [1], True, None), ([2, 4], [2], False, 2)]:
        yield row(shape, dims, keepdim, groups)
    yield row([3, 4], [1], eps=0.0)
    yield row([3, 4], [-2], False, eps=0.5)
    for hard in ["mean1e4", "constant", "zeros", "1e-20", "nan", "outlier"]:
        yield row([2, 3, 5], [0, 2], False, hard=hard)
        yield row([2, 4, 5], [2, 3], True, 2, hard=hard)


def layer_cases():
    for make in [layer_norms, rms_norms, channel_norms, batch_norms, instance_norms, functional_norms, response_norms,
                 normalizes,
                 sums, weight_norms, spectral_norms, by_hand]:
        yield from make()
