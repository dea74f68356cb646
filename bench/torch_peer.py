"""PyTorch as a contestant: one request a line on standard input, one answer a line on standard output."""

import json
import os
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from torch_blocks import ConvNeXt, ConvNeXtBlock, digits, epoch

if not hasattr(F, "rms_norm"):
    # Before PyTorch 2.4 there was none: what people wrote instead.
    F.rms_norm = lambda x, shape, w, eps: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * w


def noise(spec):
    """contestant.ts's noise."""
    n = 1
    for extent in spec["shape"]:
        n *= extent
    values = torch.empty(n)
    start = spec["seed"] * 0x85EBCA77
    step = 1 << 20  # in parts: the whole in int64 and float64 would take longer than the row
    for at in range(0, n, step):
        turned = (torch.arange(at, min(at + step, n)) * 0x9E3779B1 + start) & 0xFFFFFFFF
        mixed = ((turned ^ (turned >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
        turn = (mixed ^ (mixed >> 12)).double() / 2**31 - 1
        values[at : at + step] = spec["scale"] * turn + spec["shift"]
    return values.reshape(spec["shape"])


def enter(request):
    """The function that a sample calls, one that runs a pass and gives its result, and whether the tape records."""
    inputs = {name: noise(spec) for name, spec in request["inputs"].items()}
    if "module" in request:
        return enter_module(request, inputs)
    names = dict(inputs, F=F, torch=torch)
    exec(f"def forward():\n    {request['run']}\n    return y", names)  # the bench's own rows, nothing from outside
    forward = names["forward"]
    leaves = [inputs[name] for name in request["leaves"]]
    for leaf in leaves:
        leaf.requires_grad_()
    if not request["dy"]:
        return forward, forward, bool(leaves)
    dy = noise(request["dy"])

    def gradient():
        return backward(forward, dy, leaves)

    return gradient, gradient, True


def enter_module(request, inputs):
    """As enter, of a module whose parameters are the inputs after x."""
    module = eval(request["module"], {"nn": nn, "ConvNeXt": ConvNeXt, "ConvNeXtBlock": ConvNeXtBlock})
    x = inputs.pop("x")
    module.load_state_dict(inputs)
    if request["pass"] == "forward":
        module.eval()
        return lambda: module(x), lambda: module(x), False
    if request["pass"] == "epoch":
        images, labels = digits(len(x))

        def first():
            module.load_state_dict(inputs)
            epoch(module, images, labels, request["batch"])

        return first, lambda: (first(), module(images))[1], True
    dy = noise(request["dy"])
    leaves = [x.requires_grad_(), *module.parameters()]
    optimizer = torch.optim.AdamW(module.parameters())

    def step():
        backward(lambda: module(x), dy, leaves, optimizer)

    def after_one():
        nonlocal optimizer
        module.load_state_dict(inputs)
        optimizer = torch.optim.AdamW(module.parameters())
        step()
        return module(x)

    return step, after_one, True


def backward(forward, dy, leaves, optimizer=None):
    """The gradient of the first leaf; an optimizer moves its own by theirs. None is kept."""
    forward().backward(dy)
    if optimizer is not None:
        optimizer.step()
    dx = leaves[0].grad
    for leaf in leaves:
        leaf.grad = None
    return dx


def sample(run, calls):
    start = time.perf_counter_ns()
    for _ in range(calls):
        run()
    return (time.perf_counter_ns() - start) / 1000 / calls


def main():
    # Whatever a library prints must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    answer = {"version": torch.__version__}
    run = result = None
    while True:
        try:
            print(json.dumps(answer), file=answers, flush=True)
        except BrokenPipeError:
            os._exit(0)  # the bench has gone; closing the pipe would fail again
        line = sys.stdin.readline()
        if not line:
            return
        request = json.loads(line)
        try:
            what = request["what"]
            if what == "threads":
                torch.set_num_threads(request["threads"])
                answer = {"threads": torch.get_num_threads()}
            elif what == "enter":
                run, result, grad = enter(request)
                torch.set_grad_enabled(grad)
                answer = {}
            elif what == "sample":
                answer = {"micros": sample(run, request["calls"])}
            elif what == "probe":
                values = result().detach().reshape(-1)
                answer = {"values": [float(values[place]) for place in request["places"]]}
            elif what == "close":
                run = result = None
                answer = {}
        except Exception as error:  # said to the one who asked, who shows it beside the row
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}


if __name__ == "__main__":
    main()
