"""Writes sgd.pth and adamw.pth: trainings that PyTorch stopped after 3 steps, as scripts keep them, and how it went on.

    python test/resume/generate.py      (PyTorch 1.13.0a0)

Each holds model, optimizer and schedule after 3 steps, the state of the generator, and for the 5 steps that follow, under 'next', the
gradients, every parameter after each step, and the numbers that the generator draws. Values that the steps start from are
float32, and the arithmetic is float64.
"""
import collections
import copy
from pathlib import Path

import torch

STOP, MORE = 3, 5
SHAPES = {'fc.weight': [2, 3], 'fc.bias': [2], 'norm.weight': [3]}


def drawn(shape):
    """float32 numbers in float64."""
    return torch.randn(shape).float().double()


def train(name, make, make_schedule):
    torch.manual_seed(7)
    model = collections.OrderedDict((key, drawn(shape).requires_grad_()) for key, shape in SHAPES.items())
    optimizer = make(model)
    schedule = make_schedule(optimizer)
    gradients, after, saved = [], [], {}
    for step in range(STOP + MORE):
        if step == STOP:
            # An odd number of normals: the generator keeps the second of a pair.
            torch.randn(3)
            saved = copy.deepcopy({
                'model': collections.OrderedDict((key, value.detach()) for key, value in model.items()),
                'optimizer': optimizer.state_dict(),
                'schedule': schedule.state_dict(),
                'epoch': STOP,
                'best': float('inf'),
                'classes': ('cat', 'dog'),
                'seen': {1},
                'rng': torch.get_rng_state(),
            })
            drawn_next = {'normals': torch.randn(3), 'uniforms': torch.rand(700), 'order': torch.randperm(20)}
        for value in model.values():
            value.grad = drawn(value.shape)
        gradients.append({key: value.grad for key, value in model.items()})
        optimizer.step()
        schedule.step()
        after.append({key: value.detach().clone() for key, value in model.items()})
    torch.save({**saved, 'next': {'gradients': gradients[STOP:], 'after': after[STOP:], **drawn_next}}, path(name))


def path(name):
    return Path(__file__).with_name(f'{name}.pth')


train('sgd', lambda model: torch.optim.SGD(model.values(), lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01),
      lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5))
train('adamw', lambda model: torch.optim.AdamW([
    {'params': [model['fc.weight']], 'weight_decay': 0.3},
    {'params': [model['fc.bias'], model['norm.weight']], 'lr': 0.02, 'betas': (0.8, 0.95)},
], lr=0.05, weight_decay=0), lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6, eta_min=0.001))
