"""Writes expected.json: what PyTorch's optimizers, schedules and losses give, for the rows below.

    python test/optim/generate.py

Any PyTorch from 1.13 on gives these numbers: the rows leave out what has changed since. Starts, gradients and inputs are
float32, everything is computed in float64. A row is a Python expression; the test has the same in TypeScript under that
text.
"""
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR, StepLR

STEPS = 10
SHAPES = [[2, 3], [3], [2, 1, 2]]


def text(tensor, digits=9):
    return " ".join(f"{value:.{digits}g}" for value in tensor.detach().double().flatten().tolist())


def drawn(shape, scale=1.0):
    """float32 numbers in float64."""
    return (torch.randn(shape) * scale).float().double()


torch.manual_seed(5)
starts = [drawn(shape) for shape in SHAPES]
gradients = [[drawn(shape, 0.5) for shape in SHAPES] for _ in range(STEPS)]
# The second parameter has no gradient in some steps.
GAPS = (0, 3, 4, 8)


def run(expression, gaps):
    params = [start.clone().requires_grad_() for start in starts]
    optimizer = eval(expression, {**globals(), "a": params[0], "b": params[1], "c": params[2]})
    after = []
    for step in range(STEPS):
        for i, param in enumerate(params):
            param.grad = None if gaps and i == 1 and step in GAPS else gradients[step][i].clone()
        optimizer.step()
        after.append([text(param, 17) for param in params])
    return {"optimizer": expression, "gaps": gaps, "after": after}


everything = [
    "SGD([a, b, c], lr=0.1)",
    "SGD([a, b, c], lr=0.1, momentum=0.9)",
    "SGD([a, b, c], lr=0.05, momentum=0.9, dampening=0.3)",
    "SGD([a, b, c], lr=0.05, momentum=0.8, nesterov=True)",
    "SGD([a, b, c], lr=0.1, weight_decay=0.2)",
    "SGD([a, b, c], lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05, maximize=True)",
    "SGD([a, b, c], lr=0.1, maximize=True)",
    "SGD([dict(params=[a], lr=0.3), dict(params=[c, b], momentum=0.5, weight_decay=0.1)], lr=0.01)",
    "Adam([a, b, c], lr=0.001)",
    "Adam([a, b, c], lr=0.1, betas=(0.8, 0.95), eps=0.01)",
    "Adam([a, b, c], lr=0.05, weight_decay=0.3)",
    "Adam([a, b, c], lr=0.05, amsgrad=True, betas=(0.5, 0.6))",
    "Adam([a, b, c], lr=0.05, amsgrad=True, weight_decay=0.1, maximize=True)",
    "AdamW([a, b, c], lr=0.001)",
    "AdamW([a, b, c], lr=0.1, weight_decay=0.5, amsgrad=True, betas=(0.5, 0.6))",
    "AdamW([dict(params=[a], lr=0.2, weight_decay=0.4), dict(params=[b], weight_decay=0), dict(params=[c])], lr=0.05)",
    "AdamW([a, b, c], lr=0.05, maximize=True)",
]
with_gaps = [
    "SGD([a, b, c], lr=0.05, momentum=0.9, dampening=0.3)",
    "Adam([a, b, c], lr=0.1, betas=(0.8, 0.95), eps=0.01)",
]


def schedule(optimizer, expressions, steps):
    """Rate and momentum, or the first beta, of each group after each step; the first entry is that of the start."""
    params = [start.clone().requires_grad_() for start in starts]
    names = {**globals(), "a": params[0], "b": params[1], "c": params[2]}
    made = eval(optimizer, names)
    schedules = [eval(expression, {**names, "optimizer": made}) for expression in expressions]
    rows = []
    for step in range(steps + 1):
        if step > 0:
            made.step()
            for each in schedules:
                each.step()
        rows.append([[group["lr"], group["betas"][0] if "betas" in group else group["momentum"]] for group in made.param_groups])
    return {"optimizer": optimizer, "schedules": expressions, "groups": rows}


one_group = "SGD([a, b, c], lr=0.1, momentum=0.9)"
two_groups = "AdamW([dict(params=[a]), dict(params=[b, c], lr=0.02)], lr=0.5)"
schedules = [
    (two_groups, ["StepLR(optimizer, 3, gamma=0.5)"], 14),
    (one_group, ["StepLR(optimizer, 1)"], 6),
    (two_groups, ["CosineAnnealingLR(optimizer, 5)"], 25),
    (two_groups, ["CosineAnnealingLR(optimizer, 7, eta_min=0.001)"], 33),
    (one_group, ["CosineAnnealingLR(optimizer, 1, eta_min=0.01)"], 6),
    (one_group, ["LinearLR(optimizer)"], 8),
    (two_groups, ["LinearLR(optimizer, start_factor=0.1, end_factor=0.7, total_iters=4)"], 9),
    (two_groups, ["LinearLR(optimizer, total_iters=4)", "CosineAnnealingLR(optimizer, 6, eta_min=0.001)"], 26),
    (one_group, ["CosineAnnealingLR(optimizer, 4)", "StepLR(optimizer, 3, gamma=0.5)"], 18),
    (two_groups, ["OneCycleLR(optimizer, max_lr=0.3, total_steps=20)"], 20),
    (one_group, ["OneCycleLR(optimizer, max_lr=0.3, epochs=3, steps_per_epoch=7, pct_start=0.1)"], 21),
    (one_group, ["OneCycleLR(optimizer, max_lr=0.3, total_steps=15, anneal_strategy='linear', cycle_momentum=False)"], 15),
    (two_groups, ["OneCycleLR(optimizer, max_lr=[0.3, 0.1], total_steps=23, three_phase=True, base_momentum=[0.8, 0.7], max_momentum=0.9)"], 23),
    (one_group, ["OneCycleLR(optimizer, max_lr=1, total_steps=12, anneal_strategy='linear', div_factor=10, final_div_factor=100)"], 12),
    (one_group, ["OneCycleLR(optimizer, max_lr=1, total_steps=1)"], 1),
]


def train():
    """A network, its loss, clipped gradients, AdamW with two groups and a cycle of the rate: all that takes part in a step."""
    torch.manual_seed(8)
    model = nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 3))
    model.float().double()
    state = {key: text(value) for key, value in model.state_dict().items()}
    x, labels = drawn([STEPS, 6, 4]), torch.randint(0, 3, [STEPS, 6])
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    optimizer = AdamW([dict(params=decayed), dict(params=others, weight_decay=0)], lr=0.05, weight_decay=0.1)
    cycle = OneCycleLR(optimizer, max_lr=0.05, total_steps=STEPS)
    steps = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[step]), labels[step], label_smoothing=0.1)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        cycle.step()
        after = {key: text(value) for key, value in model.state_dict().items()}
        steps.append({"loss": loss.item(), "norm": norm.item(), "lr": cycle.get_last_lr(), "after": after})
    return {"state": state, "x": text(x), "labels": labels.flatten().tolist(), "steps": steps}


def clip(norm_type, max_norm):
    params = [start.clone().requires_grad_() for start in starts]
    for param, gradient in zip(params, gradients[0]):
        param.grad = gradient.clone()
    total = nn.utils.clip_grad_norm_(params, max_norm, norm_type=norm_type)
    name = "inf" if norm_type == float("inf") else norm_type
    return {"normType": name, "maxNorm": max_norm, "total": total.item(), "after": [text(param.grad) for param in params]}


def loss(shape, target, **options):
    """Values, gradients of Σ loss·dy, and gradients of Σ dx·v, which are second derivatives."""
    classes = shape[0] if len(shape) == 1 else shape[1]
    places = [extent for i, extent in enumerate(shape) if i != (0 if len(shape) == 1 else 1)]
    x = drawn(shape, 2.0).requires_grad_()
    weight = (torch.rand(classes) + 0.25).float().double() if options.pop("weight", False) else None
    if target == "probabilities":
        t = torch.softmax(drawn(shape), 0 if len(shape) == 1 else 1).float().double().requires_grad_()
    else:
        t = torch.randint(0, classes, places)
        if target == "some ignored":
            t = torch.where(torch.rand(t.shape) < 0.4, torch.full_like(t, options.get("ignore_index", -100)), t)
        elif target == "all ignored":
            t = torch.full_like(t, -100)
    y = F.cross_entropy(x, t, weight=weight, **options)
    dy, v = drawn(list(y.shape)), drawn(shape)
    wanted = [x, t] if t.requires_grad else [x]
    dx, *dt = torch.autograd.grad((y * dy).sum(), wanted, create_graph=True)
    second = torch.autograd.grad((dx * v).sum(), x)[0]
    return {
        "shape": shape,
        "target": target,
        "options": options,
        "x": text(x),
        "t": text(t) if t.requires_grad else t.flatten().tolist(),
        "places": places,
        "weight": None if weight is None else text(weight),
        "dy": text(dy),
        "v": text(v),
        "y": text(y),
        "dx": text(dx),
        "dt": text(dt[0]) if dt else None,
        "second": text(second),
    }


torch.manual_seed(21)
losses = [
    loss([4, 3], "classes"),
    loss([5], "classes"),
    loss([5], "classes", weight=True, label_smoothing=0.2, reduction="none"),
    loss([4, 3], "classes", weight=True),
    loss([4, 3], "classes", reduction="sum", weight=True),
    loss([4, 3], "classes", reduction="none"),
    loss([4, 3], "classes", label_smoothing=0.1),
    loss([4, 3], "classes", label_smoothing=1.0, reduction="none", weight=True),
    loss([7, 4], "some ignored"),
    loss([7, 4], "some ignored", ignore_index=2, reduction="none"),
    loss([7, 4], "some ignored", weight=True, label_smoothing=0.3),
    loss([7, 4], "some ignored", weight=True, label_smoothing=0.3, reduction="sum", ignore_index=1),
    loss([7, 4], "some ignored", weight=True, label_smoothing=0.3, reduction="none"),
    loss([3, 2], "all ignored"),
    loss([3, 2], "all ignored", label_smoothing=0.1),
    loss([3, 2], "all ignored", reduction="sum"),
    loss([2, 3, 4], "classes", weight=True),
    loss([2, 3, 4], "some ignored", reduction="none", label_smoothing=0.2),
    loss([2, 3, 2, 3], "some ignored", weight=True, label_smoothing=0.2),
    loss([2, 3, 2, 2, 1], "classes", reduction="none"),
    loss([4, 3], "probabilities"),
    loss([5], "probabilities", reduction="none"),
    loss([4, 3], "probabilities", weight=True, label_smoothing=0.2),
    loss([2, 3, 4], "probabilities", weight=True),
    loss([2, 3, 4], "probabilities", reduction="none", label_smoothing=0.1),
    loss([2, 3, 4], "probabilities", reduction="sum", weight=True),
]


def mse(reduction):
    x, t = drawn([2, 3]).requires_grad_(), drawn([2, 3]).requires_grad_()
    y = F.mse_loss(x, t, reduction=reduction)
    dy, v = drawn(list(y.shape)), drawn([2, 3])
    dx, dt = torch.autograd.grad((y * dy).sum(), [x, t], create_graph=True)
    second = torch.autograd.grad((dx * v).sum(), x)[0]
    named = {"x": x, "t": t, "dy": dy, "v": v, "y": y, "dx": dx, "dt": dt, "second": second}
    return {"reduction": reduction, **{name: text(value) for name, value in named.items()}}


expected = {
    "shapes": SHAPES,
    "starts": [text(start) for start in starts],
    "gradients": [[text(gradient) for gradient in step] for step in gradients],
    "gaps": GAPS,
    "optimizers": [run(row, False) for row in everything] + [run(row, True) for row in with_gaps],
    "schedules": [schedule(*row) for row in schedules],
    "training": train(),
    "clips": [clip(2.0, 1.0), clip(2.0, 100.0), clip(1.0, 0.5), clip(3.0, 0.5), clip(float("inf"), 0.25), clip(0.5, 2.0)],
    "losses": losses,
    "mse": [mse(reduction) for reduction in ("mean", "sum", "none")],
}


def lines(value, depth=2):
    """JSON with a line for each row."""
    if depth == 0 or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value)
    inner = [f"{json.dumps(key)}: {lines(item, depth - 1)}" for key, item in value.items()] if isinstance(value, dict) else [
        lines(item, depth - 1) for item in value
    ]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + "\n" + ",\n".join(inner) + "\n" + closing


Path(__file__).with_name("expected.json").write_text(lines(expected) + "\n")
