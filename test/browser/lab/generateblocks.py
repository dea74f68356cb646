"""What PyTorch gives on screens 6 and 7: padding, residual blocks, gradients by depth, the ConvNeXt block. generate.py writes it."""
import torch
from torch import nn
from torch.nn import functional as F

SENTENCES = "the ship keeps an even keel / a calm sea / the wind turns and the crew takes in the sail before the storm / land ahead"


def padding(text, more, mask, sentence, seed):
    """Statistics, and how far a word moves at most, of BatchNorm."""
    sentences = [part.split() for part in text.split("/")]
    lengths = [len(words) for words in sentences]
    longest = max(lengths)
    vocabulary = list(dict.fromkeys(sum(sentences, [])))
    torch.manual_seed(seed)
    embedding = nn.Embedding(len(vocabulary) + 1, 8, padding_idx=0)

    def tokens(some, length):
        rows = [[vocabulary.index(word) + 1 for word in words] + [0] * (length - len(words)) for words in some]
        return embedding(torch.tensor(rows)).detach()

    def over_batch(x, layer=None):
        return (layer or nn.BatchNorm1d(8))(x.transpose(1, 2)).transpose(1, 2)

    def words_of(x, own):
        return torch.cat([x[i, :length] for i, length in enumerate(own)])

    def plain(x, own):
        return words_of(over_batch(x), own)

    def masked(x, own):
        return nn.BatchNorm1d(8)(words_of(x, own))

    wide, tight = tokens(sentences, longest + more), tokens(sentences, longest)
    each = [tokens([words], len(words)) for words in sentences]
    normalize = masked if mask else plain
    words = words_of(wide, lengths)
    begin = sum(lengths[:sentence])
    own = slice(begin, begin + lengths[sentence])
    layer = nn.BatchNorm1d(8, momentum=None)
    trained = [over_batch(x, layer) for x in each][sentence]

    def apart(a, b):
        return (a - b).abs().max().item()

    return {
        "address": {"sentences": text, "more": more, "mask": "on" if mask else "off", "token": f"{sentence}.0", "seed": seed},
        "words": [words.mean(0).tolist(), words.var(0, unbiased=False).tolist()],
        "padded": [wide.mean((0, 1)).tolist(), wide.var((0, 1), unbiased=False).tolist()],
        "token": [wide[sentence, 0].mean().item(), wide[sentence, 0].var(unbiased=False).item()],
        "padding": apart(normalize(wide, lengths), masked(wide, lengths)),
        "morePadding": apart(normalize(wide, lengths), normalize(tight, lengths)),
        "noNeighbours": apart(normalize(tight, lengths)[own], normalize(each[sentence], [lengths[sentence]])),
        "evaluation": apart(over_batch(each[sentence], layer.eval()), trained),
    }


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


def mlp_of(dim):
    return nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))


class Block(nn.Module):
    """The steps of a placement by their names, in order."""

    def __init__(self, placement, dim, depth):
        super().__init__()
        self.placement = placement
        self.attn, self.mlp = Attention(dim, 4), mlp_of(dim)
        self.norm = nn.LayerNorm(dim)
        self.alpha = (2 * depth) ** 0.25
        if placement == "deepnorm":
            beta = (8 * depth) ** -0.25
            for weight, gains in [(self.attn.qkv.weight, [1, 1, beta]), (self.attn.proj.weight, [beta]), (self.mlp[0].weight, [beta]), (self.mlp[2].weight, [beta])]:
                with torch.no_grad():
                    weight.copy_(torch.cat([nn.init.xavier_normal_(torch.empty(weight.shape[0] // len(gains), weight.shape[1]), gain) for gain in gains]))

    def steps(self, x):
        attn, mlp, norm, alpha = self.attn, self.mlp, self.norm, self.alpha
        made = {"x": x}
        if self.placement in ("post", "deepnorm"):
            for source, branch, total, out in (("x", "a", "s1", "y1"), ("y1", "m", "s2", "y")):
                given = made[source]
                made[branch] = (attn if branch == "a" else mlp)(given)
                if self.placement == "deepnorm":
                    made[f"α{source}"] = given = alpha * given
                made[total] = given + made[branch]
                made[out] = norm(made[total])
        elif self.placement == "parallel":
            made["h"] = norm(x)
            made["a"], made["m"] = attn(made["h"]), mlp(made["h"])
            made["s"] = x + made["a"]
            made["y"] = made["s"] + made["m"]
        else:
            halves = {
                "pre": (("h", norm), ("a", attn), ("g", norm), ("m", mlp)),
                "branch": (("a", attn), ("h", norm), ("m", mlp), ("g", norm)),
                "sandwich": (("h", norm), ("a", attn), ("p", norm), ("g", norm), ("m", mlp), ("q", norm)),
                "hybrid": (("h", norm), ("a", attn), ("f", mlp), ("m", norm)),
            }[self.placement]
            half = len(halves) // 2
            for source, part, out in (("x", halves[:half], "y1"), ("y1", halves[half:], "y")):
                value = made[source]
                for name, layer in part:
                    made[name] = value = layer(value)
                made[out] = made[source] + value
        return made

    def forward(self, x):
        return self.steps(x)["y"]


def rms(x):
    return x.square().mean().sqrt().item()


def lengths_of_gradients(x, layers, forward):
    """At the input of each layer, where that of the output is 1."""
    inputs, y = [], x.detach().requires_grad_()
    for layer in layers:
        inputs.append(y)
        y = forward(layer, y)
    w = torch.randn(y.shape)
    return [dx.norm().item() for dx in torch.autograd.grad(y, inputs, w / w.norm())]


def block(placement, depth, scale, seed):
    torch.manual_seed(seed)
    x = torch.randn(2, 6, 32) * scale
    blocks = [Block(placement, 32, depth) for _ in range(depth)]
    gradient = lengths_of_gradients(x, blocks, lambda layer, y: layer(y))
    with torch.no_grad():
        steps = {name: rms(value) for name, value in blocks[0].steps(x).items()}
        y = x
        for layer in blocks:
            y = layer(y)
    return {
        "address": {"placement": placement, "depth": depth, "scale": scale, "seed": seed}, "rms": steps, "stream": [rms(x), rms(y)], "gradient": gradient[0],
    }


def gradients(depth, norm, seed):
    def through(layer, y, residual):
        f = torch.tanh(layer(F.layer_norm(y, (64,)) if norm == "pre" else y))
        f = F.layer_norm(f, (64,)) if norm == "branch" else f
        f = y + f if residual else f
        return F.layer_norm(f, (64,)) if norm == "post" else f

    def measured(residual):
        torch.manual_seed(seed)
        layers = [nn.Linear(64, 64) for _ in range(depth)]
        return lengths_of_gradients(torch.randn(16, 64), layers, lambda layer, y: through(layer, y, residual))[0]

    return {"address": {"depth": depth, "norm": norm, "seed": seed}, "residual": measured(True), "plain": measured(False)}


def convnext(gamma, seed):
    """The steps of the paper's own code, in its order."""
    torch.manual_seed(seed)
    x = torch.randn(1, 4, 7, 7)
    dwconv, pwconv1, pwconv2 = nn.Conv2d(4, 4, 7, padding=3, groups=4), nn.Linear(4, 16), nn.Linear(16, 4)
    layers = {
        "dwconv": dwconv, "last": lambda y: y.permute(0, 2, 3, 1), "norm": lambda y: F.layer_norm(y, (4,), eps=1e-6), "pwconv1": pwconv1, "act": nn.GELU(),
        "pwconv2": pwconv2, "gamma": lambda y: gamma * y, "first": lambda y: y.permute(0, 3, 1, 2), "add": lambda y: x + y,
    }
    with torch.no_grad():
        steps, y = {"x": x}, x
        for name, layer in layers.items():
            steps[name] = y = layer(y)
        pixel, image = steps["norm"].permute(0, 3, 1, 2), F.layer_norm(steps["dwconv"], (4, 7, 7), eps=1e-6)
    return {
        "address": {"layerscale": f"{gamma:g}".replace("e-0", "e-"), "seed": seed},
        "shapes": {name: list(value.shape) for name, value in steps.items()}, "rms": {name: rms(value) for name, value in steps.items()},
        "differ": (pixel - image).abs().max().item(),
    }


def sections():
    placements = ("post", "pre", "branch", "sandwich", "hybrid", "deepnorm", "parallel")
    return {
        "padding": [padding(SENTENCES, 10, False, 0, 0), padding(SENTENCES, 0, True, 2, 0), padding("a b c / d e / f g h i b", 3, False, 1, 5)],
        "blocks": [block(name, 4, 10 if name == "hybrid" else 1, 0) for name in placements],
        "gradients": [gradients(32, "none", 0), gradients(8, "pre", 1), gradients(12, "post", 0)],
        "convnext": [convnext(1e-6, 0), convnext(1.0, 3)],
    }
