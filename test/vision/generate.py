"""Writes expected.json: what PyTorch gives for pooling, and for ConvNeXt and ViT written in plain PyTorch as their authors do.

Needs PyTorch 1.13 or later:

    python test/vision/generate.py

The test has the same call or module in TypeScript under a row's name. Values are computed in float64 on float32 numbers.
"""
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

SEED = 123
nan, inf = math.nan, math.inf


def entry(tensor):
    values = " ".join(f"{value:.9g}" for value in tensor.detach().double().flatten().tolist())
    return {"shape": list(tensor.shape), "values": values}


def single(*size):
    """Uniform numbers of ±1 that float32 holds."""
    return (torch.rand(size) * 2 - 1).double()


def ties(*size):
    return torch.randint(0, 3, size).double()


def with_values(x, values):
    flat = x.flatten()
    for i, value in values.items():
        flat[i] = value
    return flat.reshape(x.shape)


def pools():
    """Name, input and call; names are the test's."""
    torch.manual_seed(SEED)
    yield "max 3, stride 2, padding 1", single(2, 3, 7, 8), lambda x: F.max_pool2d(x, 3, 2, 1)
    yield "max 2 of ties", ties(1, 2, 6, 6), lambda x: F.max_pool2d(x, 2)
    yield "max 3, stride 1 of ties", ties(1, 2, 6, 5), lambda x: F.max_pool2d(x, 3, 1, 1)
    yield "max of NaN", with_values(single(1, 1, 5, 5), {3: nan, 12: nan, 13: nan}), lambda x: F.max_pool2d(x, 3, 2, 1)
    yield "max of infinities", with_values(single(1, 1, 4, 4), {0: -inf, 1: -inf, 4: -inf, 5: -inf, 15: inf}), lambda x: F.max_pool2d(x, 2)
    yield "max [3, 2], dilation [1, 2]", single(2, 2, 8, 7), lambda x: F.max_pool2d(x, (3, 2), (2, 1), (1, 0), (1, 2))
    yield "max 3, padding 1, dilation 2", single(1, 2, 6, 7), lambda x: F.max_pool2d(x, 3, 2, 1, 2)
    yield "max 2, ceil", single(1, 2, 5, 6), lambda x: F.max_pool2d(x, 2, ceil_mode=True)
    yield "max 3, stride 2, padding 1, ceil", single(1, 2, 6, 7), lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True)
    yield "max 2, stride 3, padding 1, ceil", single(1, 1, 6, 5), lambda x: F.max_pool2d(x, 2, 3, 1, ceil_mode=True)
    yield "max without a batch", single(3, 4, 5), lambda x: F.max_pool2d(x, 2)
    yield "max of no samples", single(0, 2, 4, 4), lambda x: F.max_pool2d(x, 2)
    yield "avg 2", single(2, 3, 6, 7), lambda x: F.avg_pool2d(x, 2)
    yield "avg 3, stride 2, padding 1", single(1, 2, 7, 6), lambda x: F.avg_pool2d(x, 3, 2, 1)
    yield "avg 3, padding 1, not counted", single(1, 2, 7, 6), lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
    yield "avg [3, 2], ceil", single(1, 2, 6, 7), lambda x: F.avg_pool2d(x, (3, 2), (2, 2), (1, 1), ceil_mode=True)
    yield "avg 3, ceil, not counted", single(2, 6, 6), lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)
    yield "avg 2, divisor 3", single(1, 1, 4, 4), lambda x: F.avg_pool2d(x, 2, divisor_override=3)
    yield "avg 2, stride 3, ceil", single(1, 1, 6, 6), lambda x: F.avg_pool2d(x, 2, 3, ceil_mode=True)
    yield "adaptive 1", single(2, 3, 5, 4), lambda x: F.adaptive_avg_pool2d(x, 1)
    yield "adaptive [2, 3]", single(2, 3, 7, 8), lambda x: F.adaptive_avg_pool2d(x, (2, 3))
    yield "adaptive [4, null]", single(1, 2, 8, 3), lambda x: F.adaptive_avg_pool2d(x, (4, None))
    yield "adaptive to more", single(2, 3, 2), lambda x: F.adaptive_avg_pool2d(x, (5, 3))
    yield "adaptive of NaN", with_values(single(1, 1, 5, 5), {7: nan}), lambda x: F.adaptive_avg_pool2d(x, 2)


class ChannelsFirst(nn.Module):
    """https://github.com/facebookresearch/ConvNeXt/blob/main/models/convnext.py, LayerNorm with channels_first."""

    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x):
        u = x.mean(1, keepdim=True)
        s = (x - u).pow(2).mean(1, keepdim=True)
        x = (x - u) / torch.sqrt(s + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class Grn(nn.Module):
    """https://github.com/facebookresearch/ConvNeXt-V2/blob/main/models/utils.py"""

    def __init__(self, dim):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, dim))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, dim))

    def forward(self, x):
        Gx = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
        Nx = Gx / (Gx.mean(dim=-1, keepdim=True) + 1e-6)
        return self.gamma * (x * Nx) + self.beta + x


class ConvNextBlock(nn.Module):
    """Block of the same two repositories: V1 with a layer scale, V2 with GRN."""

    def __init__(self, dim, v2=False):
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.grn = Grn(4 * dim) if v2 else None
        self.pwconv2 = nn.Linear(4 * dim, dim)
        self.gamma = None if v2 else nn.Parameter(1e-6 * torch.ones(dim))

    def forward(self, x):
        y = self.dwconv(x).permute(0, 2, 3, 1)
        y = F.gelu(self.pwconv1(self.norm(y)))
        y = self.pwconv2(y if self.grn is None else self.grn(y))
        y = y if self.gamma is None else self.gamma * y
        return x + y.permute(0, 3, 1, 2)


class ConvNext(nn.Module):
    def __init__(self, depths, dims, v2=False):
        super().__init__()
        self.downsample_layers = nn.ModuleList([nn.Sequential(nn.Conv2d(2, dims[0], 2, 2), ChannelsFirst(dims[0]))])
        for a, b in zip(dims, dims[1:]):
            self.downsample_layers.append(nn.Sequential(ChannelsFirst(a), nn.Conv2d(a, b, 2, 2)))
        self.stages = nn.ModuleList(nn.Sequential(*[ConvNextBlock(c, v2) for _ in range(n)]) for n, c in zip(depths, dims))
        self.norm = nn.LayerNorm(dims[-1], eps=1e-6)
        self.head = nn.Linear(dims[-1], 3)

    def forward(self, x):
        for before, stage in zip(self.downsample_layers, self.stages):
            x = stage(before(x))
        return self.head(self.norm(x.mean([-2, -1])))


class Scale(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return x * self.gamma


class VitAttention(nn.Module):
    """https://github.com/huggingface/pytorch-image-models/blob/main/timm/layers/attention.py"""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, dim * 3)
        self.q_norm = nn.LayerNorm(dim // heads, eps=1e-6)
        self.k_norm = nn.LayerNorm(dim // heads, eps=1e-6)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        weights = (self.q_norm(q) * (c // self.heads) ** -0.5 @ self.k_norm(k).transpose(-2, -1)).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(n, t, c))


class VitMlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class VitBlock(nn.Module):
    def __init__(self, dim, heads, hidden):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = VitAttention(dim, heads)
        self.ls1 = Scale(dim)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = VitMlp(dim, hidden)
        self.ls2 = Scale(dim)

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class Vit(nn.Module):
    """https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer.py, global_pool 'avg'."""

    def __init__(self):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 8))
        self.pos_embed = nn.Parameter(torch.zeros(1, 7, 8))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(2, 8, (2, 3), (2, 3))
        self.blocks = nn.Sequential(VitBlock(8, 2, 12))
        self.fc_norm = nn.LayerNorm(8, eps=1e-6)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        t = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        t = torch.cat((self.cls_token.expand(t.shape[0], -1, -1), t), 1) + self.pos_embed
        return self.head(self.fc_norm(self.blocks(t)[:, 1:].mean(1)))


class TokenVit(nn.Module):
    """https://github.com/pytorch/vision/blob/main/torchvision/models/vision_transformer.py with representation_size; no blocks."""

    def __init__(self):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 6))
        self.pos_embed = nn.Parameter(torch.zeros(1, 5, 6))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(1, 6, 2, 2)
        self.norm = nn.LayerNorm(6, eps=1e-6)
        self.pre_logits = nn.Linear(6, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        t = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        t = torch.cat((self.cls_token.expand(t.shape[0], -1, -1), t), 1) + self.pos_embed
        return self.head(torch.tanh(self.pre_logits(self.norm(t)[:, 0])))


class GroupedBottleneck(nn.Module):
    """Bottleneck of https://github.com/pytorch/vision/blob/main/torchvision/models/resnet.py: 2 groups, dilation 2."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 1, bias=False)
        self.bn1 = nn.GroupNorm(2, 8)
        self.conv2 = nn.Conv2d(8, 8, 3, stride=2, padding=2, dilation=2, groups=2, bias=False)
        self.bn2 = nn.GroupNorm(2, 8)
        self.conv3 = nn.Conv2d(8, 16, 1, bias=False)
        self.bn3 = nn.GroupNorm(2, 16)
        self.downsample = nn.Sequential(nn.Conv2d(3, 16, 1, 2, bias=False), nn.GroupNorm(2, 16))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def modules():
    yield "ConvNeXt block", lambda: ConvNextBlock(4), (2, 4, 5, 8)
    yield "ConvNeXt V2 block", lambda: ConvNextBlock(3, v2=True), (2, 3, 4, 5)
    yield "ConvNeXt V2", lambda: ConvNext([1, 1], [3, 4], v2=True), (2, 2, 8, 4)
    yield "ViT of the mean, with layer scale and norms of queries and keys", Vit, (2, 2, 4, 9)
    yield "ViT with a representation", TokenVit, (2, 1, 4, 4)
    yield "Bottleneck in groups, dilated", GroupedBottleneck, (2, 3, 7, 5)


class ResidualBlock(nn.Module):
    """BasicBlock and Bottleneck of https://github.com/pytorch/vision/blob/main/torchvision/models/resnet.py: parameters alone."""

    def __init__(self, convolutions, norms, downsample):
        super().__init__()
        for i, (convolution, norm) in enumerate(zip(convolutions, norms), 1):
            setattr(self, f"conv{i}", convolution())
            setattr(self, f"bn{i}", nn.BatchNorm2d(norm))
        self.downsample = downsample


class ResNet(nn.Module):
    """The same file's ResNet: the order of its draws and its initialization."""

    def __init__(self, bottleneck, layers, widths):
        super().__init__()
        self.planes = widths[0]
        self.conv1 = nn.Conv2d(1, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        for i, (depth, width) in enumerate(zip(layers, widths)):
            setattr(self, f"layer{i + 1}", self.stage(bottleneck, width, depth, 2 if i else 1))
        self.fc = nn.Linear(self.planes, 3)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def stage(self, bottleneck, width, depth, stride):
        out = width * (4 if bottleneck else 1)
        downsample = None
        if stride != 1 or self.planes != out:
            downsample = nn.Sequential(nn.Conv2d(self.planes, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        blocks = []
        for i in range(depth):
            conv = lambda a, b, k, s=1: lambda: nn.Conv2d(a, b, k, s, padding=k // 2, bias=False)
            first = stride if i == 0 else 1
            if bottleneck:
                convolutions = conv(self.planes, width, 1), conv(width, width, 3, first), conv(width, out, 1)
            else:
                convolutions = conv(self.planes, width, 3, first), conv(width, width, 3)
            norms = (width, width, out)[: len(convolutions)]
            blocks.append(ResidualBlock(convolutions, norms, downsample if i == 0 else None))
            self.planes = out
        return nn.Sequential(*blocks)


def fresh_row(name, build):
    torch.manual_seed(SEED)
    return {"name": name, "state": {key: entry(value) for key, value in build().state_dict().items()}}


def pool_row(name, x, call):
    x = x.requires_grad_()
    y = call(x)
    dy = single(*y.shape)
    y.backward(dy)
    return {"name": name, "x": entry(x), "y": entry(y), "dy": entry(dy), "dx": entry(x.grad)}


def module_row(name, build, size):
    torch.manual_seed(SEED)
    module = build().double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(single(*parameter.shape) * 0.5 + (parameter.ndim == 1) * 0.5)
    x = single(*size).requires_grad_()
    y = module(x)
    dy = single(*y.shape)
    y.backward(dy)
    return {
        "name": name,
        "state": {key: entry(value) for key, value in module.state_dict().items()},
        **{key: entry(value) for key, value in (("x", x), ("y", y), ("dy", dy), ("dx", x.grad))},
        "gradients": {key: entry(value.grad) for key, value in module.named_parameters()},
    }


table = {
    "torch": torch.__version__,
    "seed": SEED,
    "pools": [pool_row(*case) for case in pools()],
    "modules": [module_row(*case) for case in modules()],
    "fresh": [
        fresh_row("ResNet of BasicBlock", lambda: ResNet(False, [2, 1], [3, 4])),
        fresh_row("ResNet of Bottleneck", lambda: ResNet(True, [2], [2])),
    ],
}
path = Path(__file__).with_name("expected.json")
path.write_text(json.dumps(table, indent=1) + "\n")
