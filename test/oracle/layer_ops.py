"""What each layer op of the corpus format computes, in PyTorch and in the dtype of the tensors given.

Every function takes (args, tensors) and returns the outputs by name, also those that few cases ask for. Ops that not
every release of PyTorch has are written as their formula.
"""
import torch
import torch.nn.functional as F

from differentiate import gradients

MACHINE_EPSILON = 2**-23  # of float32, also where the truth is computed in float64


def of(args, *names):
    """The arguments that are there, under PyTorch's names."""
    return {name: args[name] for name in names if name in args}


def trailing(x, shape):
    return list(range(x.dim() - len(shape), x.dim()))


def affine(t):
    return t.get("weight"), t.get("bias")


def backward(t, y, names, out):
    """Gradients of sum(y*dy) for the inputs and parameters named that are there."""
    if "dy" in t:
        there = [name for name in names if name in t]
        found = gradients([y], [t["dy"]], [t[name] for name in there])
        out.update({f"d{name}": g for name, g in zip(there, found)})
    return out


def statistics(x, dims, y, t):
    """y, its gradients, and over the elements that share a mean what a case may ask for beside them."""
    out = {"y": y, "mean": x.mean(dims, keepdim=True), "var": x.var(dims, unbiased=False, keepdim=True)}
    return backward(t, y, ["x", "weight", "bias"], {**out, "mean_x2": (x * x).mean(dims, keepdim=True)})


def layer_norm(args, t):
    x, shape = t["x"], args["normalized_shape"]
    y = F.layer_norm(x, shape, *affine(t), **of(args, "eps"))
    return statistics(x, trailing(x, shape), y, t)


def native_layer_norm(args, t):
    y, mean, rstd = torch.native_layer_norm(t["x"], args["normalized_shape"], *affine(t), args["eps"])
    return backward(t, y, ["x", "weight", "bias"], {"y": y, "save_mean": mean, "save_rstd": rstd})


def rms_norm(args, t):
    x, eps = t["x"], args.get("eps")
    mean_x2 = (x * x).mean(trailing(x, args["normalized_shape"]), keepdim=True)
    y = x / torch.sqrt(mean_x2 + (MACHINE_EPSILON if eps is None else eps))
    y = y * t["weight"] if "weight" in t else y
    return backward(t, y, ["x", "weight"], {"y": y})


def layer_norm2d(args, t):
    x = t["x"]
    y = F.layer_norm(x.permute(0, 2, 3, 1), [x.shape[1]], *affine(t), **of(args, "eps")).permute(0, 3, 1, 2)
    return statistics(x, [1], y, t)


def group_norm(args, t):
    y = F.group_norm(t["x"], args["num_groups"], *affine(t), **of(args, "eps"))
    return backward(t, y, ["x", "weight", "bias"], {"y": y})


def batch_norm_module(cls):
    def run(args, t):
        layer = cls(args["num_features"], **of(args, "eps", "momentum", "affine", "track_running_stats"))
        load(layer, t)
        out = {}
        mode, steps = args["mode"], args["steps"]
        given = [t["x"]] if "x" in t else [t[f"x{i}"] for i in range(steps if mode == "train" else steps + 1)]
        layer.train(mode != "eval")
        for i, x in enumerate(given):
            if mode == "train_eval" and i == steps:
                layer.eval()
            out["y" if "x" in t else f"y{i}"] = y = layer(x)
        found = gradients([y], [t["dy"]], [given[-1], *layer.parameters()])
        out.update({name: g for name, g in zip(["dx", *(f"d{name}" for name, _ in layer.named_parameters())], found)})
        out.update({f"{name}_after": buffer for name, buffer in layer.named_buffers()})
        return out

    return run


def instance_norm_module(cls):
    def run(args, t):
        layer = cls(args["num_features"], **of(args, "eps", "momentum", "affine", "track_running_stats"))
        load(layer, t)
        y = layer.train(args["mode"] == "train")(t["x"])
        out = {"y": y, **{f"{name}_after": buffer for name, buffer in layer.named_buffers()}}
        found = gradients([y], [t["dy"]], [t["x"], *layer.parameters()])
        out.update({name: g for name, g in zip(["dx", *(f"d{name}" for name, _ in layer.named_parameters())], found)})
        return out

    return run


def load(layer, t):
    """Puts the case's own tensors into the module, so that gradients are taken with respect to them."""
    for name, _ in list(layer.named_parameters()):
        setattr(layer, name, torch.nn.Parameter(t[name].detach().clone()))
    for name, _ in list(layer.named_buffers()):
        setattr(layer, name, t[name].detach().clone())


def running(t):
    return [t[name].detach().clone() if name in t else None for name in ["running_mean", "running_var"]]


def after(buffers, out):
    for name, buffer in zip(["running_mean_after", "running_var_after"], buffers):
        if buffer is not None:
            out[name] = buffer
    return out


def batch_norm(args, t):
    buffers = running(t)
    y = F.batch_norm(t["x"], *buffers, *affine(t), **of(args, "training", "momentum", "eps"))
    return backward(t, y, ["x", "weight", "bias"], after(buffers, {"y": y}))


def native_batch_norm(args, t):
    buffers = running(t)
    y, mean, rstd = torch.native_batch_norm(
        t["x"], *affine(t), *buffers, args["training"], args["momentum"], args["eps"])
    return backward(t, y, ["x", "weight", "bias"], after(buffers, {"y": y, "save_mean": mean, "save_rstd": rstd}))


def instance_norm(args, t):
    buffers = running(t)
    y = F.instance_norm(t["x"], *buffers, *affine(t), **of(args, "use_input_stats", "momentum", "eps"))
    return backward(t, y, ["x", "weight", "bias"], after(buffers, {"y": y}))


def local_response_norm(args, t):
    y = F.local_response_norm(t["x"], args["size"], **of(args, "alpha", "beta", "k"))
    return backward(t, y, ["x"], {"y": y})


def normalize(args, t):
    y = F.normalize(t["x"], **of(args, "p", "dim", "eps"))
    return backward(t, y, ["x"], {"y": y})


def add_layer_norm(args, t):
    total = t["x"] + t["residual"]
    y = F.layer_norm(total, args["normalized_shape"], *affine(t), **of(args, "eps"))
    names = [name for name in ["x", "residual", "weight", "bias"] if name in t]
    found = gradients([y, total], [t["dy"], t["dsum"]], [t[name] for name in names])
    return {"y": y, "sum": total, **{f"d{name}": g for name, g in zip(names, found)}}


LINEAR = {"linear": F.linear, "conv1d": F.conv1d, "conv2d": F.conv2d}


def weight_norm(args, t):
    v, g = t["weight_v"], t["weight_g"]
    dim = args["dim"]
    whole = dim is None or dim == -1  # PyTorch writes None as -1
    kept = None if whole else dim % v.dim()
    length = v.norm() if whole else v.norm(2, [d for d in range(v.dim()) if d != kept], keepdim=True)
    direction = v / length
    weight = g * direction
    out = {"weight": weight, "direction": direction, "y": LINEAR[args["layer"]](t["x"], weight, t.get("bias"))}
    dg, dv = gradients([weight], [t["dweight"]], [g, v])
    return {**out, "dweight_g": dg, "dweight_v": dv}


def spectral_norm(args, t):
    w, u, v = t["weight_orig"], t["weight_u"].detach(), t["weight_v"].detach()
    matrix = w.transpose(0, args["dim"]) if args["dim"] == 1 else w
    matrix = matrix.reshape(matrix.shape[0], -1)
    with torch.no_grad():
        for _ in range(args["n_power_iterations"] if args["mode"] == "train" else 0):
            v = F.normalize(matrix.t() @ u, dim=0, eps=args["eps"])
            u = F.normalize(matrix @ v, dim=0, eps=args["eps"])
    weight = w / torch.dot(u, matrix @ v)
    (dw,) = gradients([weight], [t["dweight"]], [w])
    return {"weight": weight, "weight_u_after": u, "weight_v_after": v, "dweight_orig": dw}


def stats(args, t):
    x, groups = t["x"], args["groups"]
    seen = x if groups is None else x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
    mean = seen.mean(args["dims"], keepdim=True)
    var = seen.var(args["dims"], unbiased=False, keepdim=True)
    y = ((seen - mean) / torch.sqrt(var + args["eps"])).reshape(x.shape)
    out = backward(t, y, ["x"], {"y": y})
    if args["keepdim"]:
        return {**out, "mean": mean, "var": var}
    return {**out, "mean": seen.mean(args["dims"]), "var": seen.var(args["dims"], unbiased=False)}


OPS = {
    **{f.__name__: f for f in [
        layer_norm, native_layer_norm, rms_norm, layer_norm2d, group_norm, batch_norm, native_batch_norm, instance_norm,
        local_response_norm, normalize, add_layer_norm, weight_norm, spectral_norm, stats]},
    **{f"batch_norm{n}d": batch_norm_module(getattr(torch.nn, f"BatchNorm{n}d")) for n in (1, 2, 3)},
    **{f"instance_norm{n}d": instance_norm_module(getattr(torch.nn, f"InstanceNorm{n}d")) for n in (1, 2, 3)},
}
