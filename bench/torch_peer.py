"""PyTorch as a contestant: one request a line on standard input, one answer a line on standard output."""

import json
import os
import sys
import time

import torch
import torch.nn.functional as F

if not hasattr(F, "rms_norm"):
    # Before PyTorch 2.4 there was none: what people wrote instead.
    F.rms_norm = lambda x, shape, w, eps: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * w


def wave(spec):
    """contestant.ts's wave."""
    n = 1
    for extent in spec["shape"]:
        n *= extent
    values = torch.empty(n)
    step = 1 << 20  # in parts: the whole in int64 and float64 would take longer than the row
    for at in range(0, n, step):
        part = torch.arange(at, min(at + step, n)) + spec["seed"] * 1013
        turn = ((part * 2654435769) & 0xFFFFFFFF).double() / 2**31 - 1
        values[at : at + step] = spec["scale"] * turn + spec["shift"]
    return values.reshape(spec["shape"])


def enter(request):
    """The function that a sample calls, and one that runs a pass and gives its result."""
    inputs = {name: wave(spec) for name, spec in request["inputs"].items()}
    names = dict(inputs, F=F, torch=torch)
    exec(f"def forward():\n    {request['run']}\n    return y", names)  # the bench's own rows, nothing from outside
    forward = names["forward"]
    leaves = [inputs[name] for name in request["leaves"]]
    for leaf in leaves:
        leaf.requires_grad_()
    if not request["dy"]:
        return forward, forward, bool(leaves)
    dy = wave(request["dy"])

    def both():
        forward().backward(dy)
        for leaf in leaves:
            leaf.grad = None

    def gradient():
        forward().backward(dy)
        dx = leaves[0].grad
        for leaf in leaves:
            leaf.grad = None
        return dx

    return both, gradient, True


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


main()
