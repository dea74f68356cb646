"""What PyTorch's DataLoader draws, and what becomes of the norm study's training: `python test/jobs/generate.py` writes
expected.json beside itself.

The networks, the order of the images and the steps of examples/norm-study.ts after the same seed: losses and accuracies of
the first epochs, in float32 as PyTorch users train; later ones magnify what is rounded otherwise. Any release will do.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

here = Path(__file__).parent
data = here.parent.parent / "data"
TRAINING, EPOCHS, BATCH = 1437, 3, 32

norms = {
    "BatchNorm1d": lambda width: nn.BatchNorm1d(width),
    "GroupNorm(4)": lambda width: nn.GroupNorm(4, width),
    "LayerNorm": lambda width: nn.LayerNorm(width),
    "none": lambda width: nn.Identity(),
}


def run(images, labels, norm, seed):
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(64, 64), norm(64), nn.ReLU(), nn.Linear(64, 64), norm(64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05 * BATCH / 32, momentum=0.9, weight_decay=5e-4)
    digits = TensorDataset(images[:TRAINING], labels[:TRAINING])
    loader = DataLoader(digits, batch_size=BATCH, shuffle=True, drop_last=True)
    losses, accuracies = [], []
    for _ in range(EPOCHS):
        network.train()
        total = 0.0
        for x, y in loader:
            loss = F.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        network.eval()
        named = network(images[TRAINING:]).argmax(1)
        losses.append(total / len(loader))
        accuracies.append((named == labels[TRAINING:]).float().mean().item())
    return {"losses": losses, "accuracies": accuracies}


def passes(rows, seed):
    torch.manual_seed(seed)
    numbers = TensorDataset(torch.arange(rows))
    shuffled = DataLoader(numbers, batch_size=4, shuffle=True)
    plain = DataLoader(numbers, batch_size=4)
    orders = [[int(row) for (batch,) in loader for row in batch] for loader in (shuffled, plain, shuffled)]
    return {"rows": rows, "seed": seed, "orders": orders, "next": torch.randint(0, 1000, (3,)).tolist()}


def main():
    images = torch.from_numpy(np.load(data / "digits_images.npy")).float().reshape(-1, 64) / 16
    labels = torch.from_numpy(np.load(data / "digits_labels.npy")).long()
    rows = [
        {"norm": name, "batch": BATCH, "seed": seed, **run(images, labels, norm, seed)}
        for name, norm in norms.items()
        for seed in (0, 1)
    ]
    orders = [passes(rows, seed) for rows, seed in [(1, 0), (9, 3), (50, 2**32 + 5), (300, 123)]]
    (here / "expected.json").write_text(json.dumps({"torch": torch.__version__, "passes": orders, "mlp": rows}, indent=1) + "\n")


main()
