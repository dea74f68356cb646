"""ConvNeXt as facebookresearch writes it, and one epoch of examples/digits: what torch_peer.py runs beside evenkeel's."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

DATA = Path(__file__).parent.parent / "data"
EPOCHS = 60
MAX_LR = 0.008


class LayerNorm2d(nn.LayerNorm):
    """torchvision's: the permutes are views."""

    def forward(self, x):
        pixels = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return pixels.permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.act = nn.GELU()
        self.pwconv2 = nn.Linear(4 * dim, dim)
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        pixels = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        branch = self.gamma * self.pwconv2(self.act(self.pwconv1(pixels)))
        return x + branch.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    """For images of one channel, with a stem that steps by two."""

    def __init__(self, classes, depths, dims):
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(1, dims[0], 2, stride=2), LayerNorm2d(dims[0], eps=1e-6))
        between = nn.Sequential(LayerNorm2d(dims[0], eps=1e-6), nn.Conv2d(dims[0], dims[1], 2, stride=2))
        self.downsample_layers = nn.ModuleList([stem, between])
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNeXtBlock(dim) for _ in range(depth))) for depth, dim in zip(depths, dims)
        )
        self.norm = nn.LayerNorm(dims[-1], eps=1e-6)
        self.head = nn.Linear(dims[-1], classes)

    def forward(self, x):
        for downsample, stage in zip(self.downsample_layers, self.stages):
            x = stage(downsample(x))
        return self.head(self.norm(x.mean([2, 3])))


def digits(count):
    """The first so many images, with pixels from 0 to 1, and their labels."""
    import numpy as np  # only this row needs it

    images = torch.from_numpy(np.load(DATA / "digits_images.npy")[:count])
    labels = torch.from_numpy(np.load(DATA / "digits_labels.npy")[:count])
    return images.float().div(16).unsqueeze(1), labels.long()


def shifted(images):
    """Each image moved by a pixel at most: one gather for the batch."""
    N, _, H, W = images.shape
    shifts = torch.randint(-1, 2, (N, 2))
    padded = F.pad(images, (1, 1, 1, 1))
    rows = torch.arange(H) + 1 - shifts[:, :1]
    columns = torch.arange(W) + 1 - shifts[:, 1:]
    return padded[torch.arange(N)[:, None, None], 0, rows[:, :, None], columns[:, None, :]].unsqueeze(1)


def order_of(rows):
    """What a DataLoader that shuffles draws; its batches are gathered one image at a time, ours at once."""
    _, seed = (torch.empty((), dtype=torch.int64).random_().item() for _ in range(2))
    return torch.randperm(rows, generator=torch.Generator().manual_seed(seed))


def epoch(model, images, labels, batch):
    """epoch.ts's: the first epoch of the job, with the same order and shifts."""
    torch.manual_seed(0)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    kept = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed}, {"params": kept, "weight_decay": 0.0}], lr=MAX_LR, weight_decay=0.05)
    steps = len(images) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=MAX_LR, epochs=EPOCHS, steps_per_epoch=steps, pct_start=0.15
    )
    order = order_of(len(images))
    for step in range(steps):
        rows = order[step * batch : (step + 1) * batch]
        loss = F.cross_entropy(model(shifted(images[rows])), labels[rows], label_smoothing=0.1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()
        schedule.step()
