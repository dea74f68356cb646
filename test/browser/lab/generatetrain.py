"""What PyTorch makes of the runs of the lab's screen 8: `python test/browser/lab/generatetrain.py` writes train.json beside itself.

The networks, the order of the images and the steps after the same seed, in float32 as PyTorch users train: losses of the
first steps, and losses and accuracies of the first epochs; later ones magnify what is rounded otherwise.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

here = Path(__file__).parent
data = here.parents[2] / "data"
TRAINING, FIRST = 1437, 6
# One order of sums on machines of any number of cores.
torch.set_num_threads(1)


class Block(nn.Module):
    """torchvision's BasicBlock."""

    def __init__(self, before, channels, stride, norm):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = norm(channels)
        self.downsample = None

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + identity)


class ResNet(nn.Module):
    """torchvision's ResNet of two stages, with a stem for small images."""

    def __init__(self, norm):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, 1, 1, bias=False)
        self.bn1 = norm(16)
        self.layer1 = Block(16, 16, 1, norm)
        downsample = nn.Sequential(nn.Conv2d(16, 32, 1, 2, bias=False), norm(32))
        self.layer2 = Block(16, 32, 2, norm)
        self.layer2.downsample = downsample
        self.fc = nn.Linear(32, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer2(self.layer1(x)).mean((2, 3)))


def mlp(norm):
    return nn.Sequential(nn.Linear(64, 64), norm(64), nn.ReLU(), nn.Linear(64, 64), norm(64), nn.ReLU(), nn.Linear(64, 10))


norms = {
    "mlp": {"batch": nn.BatchNorm1d, "group": lambda n: nn.GroupNorm(4, n), "layer": nn.LayerNorm, "none": lambda n: nn.Identity()},
    "resnet": {"batch": nn.BatchNorm2d, "group": lambda n: nn.GroupNorm(4, n), "instance": lambda n: nn.InstanceNorm2d(n, affine=True)},
}


def run(network, norm, batch, seed, epochs):
    pixels = torch.from_numpy(np.load(data / "digits_images.npy")).float().unsqueeze(1) / 16
    images = pixels.flatten(1) if network == "mlp" else pixels
    labels = torch.from_numpy(np.load(data / "digits_labels.npy")).long()
    torch.manual_seed(seed)
    model = (mlp if network == "mlp" else ResNet)(norms[network][norm])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05 * batch / 32, momentum=0.9, weight_decay=5e-4)
    loader = DataLoader(TensorDataset(images[:TRAINING], labels[:TRAINING]), batch_size=batch, shuffle=True, drop_last=True)
    first, losses, accuracies = [], [], []
    for _ in range(epochs):
        model.train()
        total = 0.0
        for x, y in loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            first = [*first, loss.item()][:FIRST]
        named = model.eval()(images[TRAINING:]).argmax(1)
        losses.append(total / len(loader))
        accuracies.append((named == labels[TRAINING:]).float().mean().item())
    address = {"net": network, "norm": norm, "batch": batch, "seed": seed, "epochs": epochs}
    return {"address": address, "first": first, "losses": losses, "accuracies": accuracies}


expected = [
    run("mlp", "batch", 32, 0, 3), run("mlp", "batch", 2, 0, 1), run("mlp", "group", 64, 1, 2), run("mlp", "layer", 2, 123, 1),
    run("mlp", "none", 16, 0, 2), run("resnet", "batch", 32, 0, 1), run("resnet", "batch", 2, 0, 1), run("resnet", "group", 64, 7, 1),
    run("resnet", "instance", 32, 0, 1),
]
(here / "train.json").write_text(json.dumps(expected, indent=1) + "\n")
