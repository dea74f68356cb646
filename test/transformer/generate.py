"""Writes expected.json: what attention and Transformers give, in float64 from float32 inputs.

Needs PyTorch 2.13 (older ones draw what training drops in another order, and print norms without `bias=`):

    python test/transformer/generate.py

A row is a module's Python text; the test makes the same module in TypeScript under that text. All parameters are uniform
numbers of -0.5..0.5 from the seed, in their order, then come the inputs and the upstream gradients, uniform in 0..1.

Attention is computed by hand, by the rules of PyTorch 2.13: a mask is added, a query whose keys are all masked is NaN where
weights are asked for and attends to nothing otherwise. Where PyTorch 1.13 has the same rules, `nn` must agree. Marked
`by hand` below: normalized queries and keys, and norms other than LayerNorm, which no PyTorch has, and `bias=False` of
layers, which 1.13 lacks.
"""
import json
import math
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

warnings.simplefilter("ignore")
torch.set_num_threads(1)
SEED = 7
INF = math.inf


def text(tensor):
    return " ".join(f"{value:.9g}" for value in tensor.detach().double().flatten().tolist())


def entry(tensor):
    return {"shape": list(tensor.shape), "values": text(tensor)}


def data(mask):
    return {"dtype": "bool" if mask.dtype == torch.bool else "float", **entry(mask)}


class RMSNorm(nn.Module):
    def __init__(self, dim, eps=1e-5):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


def added(mask, like):
    """A mask as what is added: in attention true may not attend."""
    if mask is None or mask.dtype != torch.bool:
        return None if mask is None else mask.to(like.dtype)
    return torch.zeros(mask.shape, dtype=like.dtype).masked_fill(mask, -INF)


def sdpa(q, k, v, mask=None, scale=None, safe=True):
    """y and weights."""
    scores = (q @ k.transpose(-2, -1)) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if mask is not None:
        scores = scores + mask
    dead = (scores == -INF).all(-1, keepdim=True)
    if safe:
        scores = torch.where(dead, torch.zeros_like(scores), scores)
    weights = scores.softmax(-1)
    if safe:
        weights = torch.where(dead, torch.zeros_like(weights), weights)
    return weights @ v, weights


class MultiheadAttention(nn.MultiheadAttention):
    """PyTorch's parameters, the forward pass by hand."""

    def __init__(self, *args, qk_norm=None, **kwargs):
        super().__init__(*args, **kwargs)
        if qk_norm is not None:
            self.q_norm, self.k_norm = qk_norm(self.head_dim), qk_norm(self.head_dim)

    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
                average_attn_weights=True, is_causal=False):
        unbatched = query.dim() == 2
        rows = [x.unsqueeze(0) if unbatched else x if self.batch_first else x.transpose(0, 1) for x in (query, key, value)]
        if self.in_proj_weight is None:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        else:
            weights = self.in_proj_weight.chunk(3)
        biases = [None] * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        n, heads, depth = rows[0].shape[0], self.num_heads, self.head_dim

        def split(x):
            return x.reshape(x.shape[0], -1, heads, depth).transpose(1, 2)

        q, k, v = (split(F.linear(x, w, b)) for x, w, b in zip(rows, weights, biases))
        if hasattr(self, "q_norm"):
            q, k = self.q_norm(q), self.k_norm(k)
        attn = added(attn_mask, q)
        padding = added(key_padding_mask, q)
        mask = None
        if attn is not None:
            mask = attn[None, None] if attn.dim() == 2 else attn.reshape(n, heads, *attn.shape[1:])
        if padding is not None:
            padding = padding.reshape(n, 1, 1, -1)
            mask = padding if mask is None else mask + padding
        extra = 0
        if self.bias_k is not None:
            k = torch.cat([k, split(self.bias_k).expand(n, -1, -1, -1)], 2)
            v = torch.cat([v, split(self.bias_v).expand(n, -1, -1, -1)], 2)
            extra += 1
        if self.add_zero_attn:
            zeros = torch.zeros(n, heads, 1, depth, dtype=k.dtype)
            k, v = torch.cat([k, zeros], 2), torch.cat([v, zeros], 2)
            extra += 1
        if mask is not None:
            mask = F.pad(mask, (0, extra))
        y, shown = sdpa(q, k, v, mask, safe=not need_weights)
        y = self.out_proj(y.transpose(1, 2).reshape(n, -1, heads * depth))
        shown = shown.mean(1) if average_attn_weights else shown
        y = y[0] if unbatched else y if self.batch_first else y.transpose(0, 1)
        return y, (shown[0] if unbatched else shown) if need_weights else None


class Attention(nn.Module):
    """timm's."""

    def __init__(self, dim, num_heads=8, qkv_bias=False, qk_norm=None):
        super().__init__()
        self.heads, self.depth = num_heads, dim // num_heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        if qk_norm is not None:
            self.q_norm, self.k_norm = qk_norm(self.depth), qk_norm(self.depth)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x, attn_mask=None):
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, self.depth).permute(2, 0, 3, 1, 4).unbind(0)
        if hasattr(self, "q_norm"):
            q, k = self.q_norm(q), self.k_norm(k)
        mask = added(~attn_mask if attn_mask is not None and attn_mask.dtype == torch.bool else attn_mask, q)
        return self.proj(sdpa(q, k, v, mask)[0].transpose(1, 2).reshape(n, t, c))


class Positions(nn.Module):
    def __init__(self, dim, max_length=5000, batch_first=True):
        super().__init__()
        angle = torch.arange(max_length).double()[:, None] / 10000 ** (torch.arange(0, dim, 2).double() / dim)
        pe = torch.zeros(max_length, dim, dtype=torch.float64)
        pe[:, 0::2], pe[:, 1::2] = angle.sin(), angle.cos()[:, : dim // 2]
        # A buffer of float32.
        pe = pe.float().double()
        self.pe = pe[None] if batch_first else pe[:, None]

    def forward(self, x):
        if x.dim() == 2:
            return x + self.pe.reshape(-1, x.shape[-1])[: len(x)]
        return x + (self.pe[:, : x.shape[1]] if self.pe.shape[0] == 1 else self.pe[: len(x)])


def without_bias(module):
    """What 1.13 cannot make: every shift is 0 and does not exist."""
    module.lacks_bias = True
    return module


def with_norms(make, module):
    """The norms of a layer replaced."""
    for name in ("norm1", "norm2", "norm3"):
        if hasattr(module, name):
            setattr(module, name, make(module.linear2.out_features))
    return module


def with_qk_norms(make, module):
    """The attention of a layer by one with norms of queries and keys."""
    for name in ("self_attn", "multihead_attn"):
        if hasattr(module, name):
            setattr(module, name, MultiheadAttention(module.self_attn.embed_dim, module.self_attn.num_heads, qk_norm=make))
    return module


names = {**vars(nn), "nn": nn, "MultiheadAttention": MultiheadAttention, "Attention": Attention, "RMSNorm": RMSNorm,
         "SinusoidalPositions": Positions, "without_bias": without_bias, "with_norms": with_norms,
         "with_qk_norms": with_qk_norms}
# Layers are made of the attention above.
nn.modules.transformer.MultiheadAttention = MultiheadAttention


def listed(modules):
    """PyTorch 2's repr of a ModuleList: neighbours of one text are one line."""
    runs = []
    for i, module in enumerate(modules):
        if runs and runs[-1][2] == repr(module):
            runs[-1][1] = i
        else:
            runs.append([i, i, repr(module)])
    lines = [f"({a}): {shown}" if a == b else f"({a}-{b}): {b - a + 1} x {shown}" for a, b, shown in runs]
    return "ModuleList(\n" + "".join("  " + line.replace("\n", "\n  ") + "\n" for line in lines) + ")"


nn.ModuleList.__repr__ = listed


def build(expression):
    torch.manual_seed(SEED)
    module = eval(expression, dict(names))
    torch.manual_seed(SEED)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if getattr(module, "lacks_bias", False) and name.endswith("bias"):
                parameter.zero_().requires_grad_(False)
            else:
                parameter.copy_(torch.rand(parameter.shape) - 0.5)
    return module


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def run(expression, shapes, passed=None, share=None, by=None, dead=False):
    """`share`: `self` is one tensor three times, `kv` a key that is the value too. `dead`: values only."""
    passed = passed or {}
    module = build(expression)
    inputs = [torch.rand(shape) for shape in shapes]
    xs = [x.double().requires_grad_(True) for x in inputs]
    module = module.double()
    args = {"self": [xs[0]] * 3, "kv": [*xs, xs[-1]], None: xs}[share]
    masks = {key: value.double() if torch.is_tensor(value) and value.dtype != torch.bool else value for key, value in passed.items()}
    result = module(*args, **masks)
    outputs = [y for y in (result if isinstance(result, tuple) else (result,)) if y is not None]
    if isinstance(module, MultiheadAttention):
        agrees(module, args, masks, outputs)
    row = {
        "id": f"{expression} {shapes}{'' if share is None else ' ' + share} {sorted(passed)}{'' if by is None else ' ' + by}",
        "module": expression,
        "shapes": shapes,
        "share": share,
        "pass": {camel(key): data(value) if torch.is_tensor(value) else value for key, value in passed.items()},
        "outputs": [entry(y) for y in outputs],
    }
    if dead:
        return row
    dys = [torch.rand(y.shape).double() for y in outputs]
    leaves = [*((f"input{i}", x) for i, x in enumerate(xs)), *module.named_parameters()]
    leaves = [(name, leaf) for name, leaf in leaves if leaf.requires_grad]
    gradients = torch.autograd.grad(outputs, [leaf for _, leaf in leaves], dys, create_graph=True, allow_unused=True)
    row["gradients"] = {name: entry(g) for (name, _), g in zip(leaves, gradients) if g is not None}
    # Of the sum of squares of the first input's gradient: what a recorded backward pass must give.
    if gradients[0].requires_grad:
        row["second"] = entry(torch.autograd.grad(gradients[0].square().sum(), xs[0])[0])
    return row


def agrees(module, args, passed, outputs):
    """The pass by hand gives what PyTorch 1.13 gives, where that has the same rules."""
    padding = passed.get("key_padding_mask")
    if hasattr(module, "q_norm") or (padding is not None and padding.dtype != torch.bool):
        return
    theirs = nn.MultiheadAttention.forward(module, *args, **{k: v for k, v in passed.items() if k != "is_causal"})
    for ours, other in zip(outputs, theirs):
        finite = other.isfinite()
        assert torch.allclose(ours[finite], other[finite], atol=1e-12), module


def causal(n, s=None):
    return torch.ones(n, s or n, dtype=torch.bool).triu(1)


def square(n):
    return torch.zeros(n, n).masked_fill(causal(n), -INF)


def padded(*lengths):
    longest = 5
    return torch.stack([torch.arange(longest) >= length for length in lengths])


def numbers(*shape):
    torch.manual_seed(99)
    return torch.rand(shape) * 2 - 1


def holes(*shape):
    """Float masks with -inf here and there, never in the first column."""
    mask = numbers(*shape)
    return torch.where((mask > 0.4) & (torch.arange(shape[-1]) > 0), torch.tensor(-INF), mask)


def attention():
    mha, first = "MultiheadAttention(8, 2)", "MultiheadAttention(8, 2, batch_first=True)"
    both = "MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True)"
    apart = "MultiheadAttention(8, 4, kdim=6, vdim=3, batch_first=True)"
    x, y = [5, 3, 8], [4, 3, 8]
    yield run(mha, [x], share="self")
    yield run(mha, [x], {"need_weights": False}, share="self")
    yield run(mha, [x], {"average_attn_weights": False}, share="self")
    yield run(mha, [y, x], share="kv")
    yield run(mha, [y, x], {"need_weights": False, "attn_mask": holes(4, 5)}, share="kv")
    yield run(mha, [y, x, x])
    yield run(mha, [x], {"attn_mask": causal(5), "is_causal": True, "need_weights": False}, share="self")
    yield run(mha, [x], {"attn_mask": square(5), "key_padding_mask": padded(5, 3, 1)}, share="self")
    yield run(mha, [x], {"attn_mask": causal(5), "key_padding_mask": padded(5, 3, 1), "need_weights": False}, share="self")
    yield run(mha, [x], {"attn_mask": holes(6, 5, 5), "average_attn_weights": False}, share="self", by="of each head")
    yield run(mha, [x], {"attn_mask": holes(6, 5, 5) == -INF, "need_weights": False}, share="self", by="of each head")
    yield run(mha, [x], {"key_padding_mask": holes(3, 5), "attn_mask": causal(5)}, share="self", by="float padding")
    yield run(mha, [[5, 8]], share="self")
    yield run(mha, [[4, 8], [5, 8]], {"attn_mask": holes(2, 4, 5), "key_padding_mask": padded(4)[0]}, share="kv")
    yield run(mha, [[4, 8], [5, 8]], {"need_weights": False}, share="kv")
    yield run(first, [[3, 5, 8]], share="self")
    yield run(first, [[3, 4, 8], [3, 5, 8]], {"key_padding_mask": padded(5, 3, 1)}, share="kv")
    yield run(first, [[5, 8]], {"average_attn_weights": False}, share="self")
    yield run("MultiheadAttention(8, 2, bias=False)", [x], share="self")
    yield run("MultiheadAttention(8, 2, bias=False)", [y, x], {"need_weights": False}, share="kv")
    yield run(apart, [[3, 4, 8], [3, 5, 6], [3, 5, 3]])
    yield run(apart, [[3, 4, 8], [3, 5, 6], [3, 5, 3]], {"need_weights": False, "key_padding_mask": padded(5, 3, 1)})
    yield run("MultiheadAttention(8, 4, kdim=6, vdim=6, bias=False)", [[4, 3, 8], [5, 3, 6]], share="kv")
    yield run("MultiheadAttention(8, 2, add_bias_kv=True)", [x], share="self")
    yield run("MultiheadAttention(8, 2, add_zero_attn=True)", [y, x], {"attn_mask": holes(4, 5)}, share="kv")
    yield run(both, [x], {"attn_mask": causal(5), "key_padding_mask": padded(5, 3, 1)}, share="self")
    yield run(both, [y, x], {"need_weights": False, "key_padding_mask": padded(5, 0, 1)}, share="kv")
    # Nothing to attend to.
    yield run(mha, [x], {"key_padding_mask": padded(5, 0, 1)}, share="self", by="with none to attend to", dead=True)
    yield run(mha, [x], {"key_padding_mask": padded(5, 0, 1), "need_weights": False}, share="self")
    yield run(mha, [y, x], {"attn_mask": numbers(4, 5) > -0.5, "need_weights": False}, share="kv", by="few to attend to")
    yield run(mha, [x], {"attn_mask": torch.full((5, 5), -INF), "need_weights": False}, share="self", by="with none at all")
    # By hand: normalized queries and keys.
    yield run("MultiheadAttention(8, 2, qk_norm=LayerNorm)", [x], share="self")
    yield run("MultiheadAttention(8, 2, add_bias_kv=True, qk_norm=RMSNorm)", [y, x], {"need_weights": False}, share="kv")
    timm, mask = "Attention(8, num_heads=2, qkv_bias=True)", numbers(2, 1, 5, 5) > -0.3
    yield run(timm, [[2, 5, 8]])
    yield run(timm, [[2, 5, 8]], {"attn_mask": mask}, by="bool, true takes part")
    yield run("Attention(16)", [[2, 3, 16]], {"attn_mask": holes(3, 3)})
    yield run("Attention(8, num_heads=2, qk_norm=LayerNorm)", [[2, 5, 8]])
    yield run("Attention(8, num_heads=2, qk_norm=RMSNorm)", [[2, 5, 8]])


def layers():
    for norm_first in (False, True):
        made = f"dropout=0.0, norm_first={norm_first}"
        encoder, decoder = f"TransformerEncoderLayer(8, 2, 16, {made})", f"TransformerDecoderLayer(8, 2, 16, {made})"
        yield run(encoder, [[5, 3, 8]])
        yield run(encoder, [[5, 3, 8]], {"src_mask": square(5), "src_key_padding_mask": holes(3, 5)})
        yield run(f"TransformerEncoderLayer(8, 2, 16, {made}, activation='gelu', layer_norm_eps=0.01, batch_first=True)", [[3, 5, 8]],
                  {"src_key_padding_mask": padded(5, 3, 1)})
        yield run(decoder, [[4, 3, 8], [5, 3, 8]])
        yield run(decoder, [[5, 3, 8], [5, 3, 8]], {
            "tgt_mask": causal(5), "tgt_key_padding_mask": padded(5, 4, 2), "memory_key_padding_mask": padded(2, 3, 4),
            "memory_mask": holes(5, 5) == -INF})
        yield run(f"TransformerDecoderLayer(8, 2, 16, {made}, activation=nn.Tanh(), batch_first=True)", [[3, 4, 8], [3, 5, 8]],
                  {"tgt_mask": square(4), "memory_key_padding_mask": padded(0, 3, 4)})
        yield run(decoder, [[4, 8], [5, 8]], {"tgt_mask": square(4)})
        # By hand: no shifts, other norms.
        yield run(f"without_bias({encoder})", [[5, 3, 8]])
        yield run(f"without_bias({decoder})", [[4, 3, 8], [5, 3, 8]])
        yield run(f"with_norms(RMSNorm, {encoder})", [[5, 3, 8]])
        yield run(f"with_norms(RMSNorm, {decoder})", [[4, 3, 8], [5, 3, 8]])
        yield run(f"with_qk_norms(RMSNorm, {encoder})", [[5, 3, 8]], {"src_mask": causal(5)})
        yield run(f"with_qk_norms(LayerNorm, {decoder})", [[4, 3, 8], [5, 3, 8]])
    layer = "TransformerEncoderLayer(8, 2, 16, dropout=0.0, norm_first=True)"
    yield run(f"TransformerEncoder({layer}, 2, norm=LayerNorm(8))", [[5, 3, 8]], {"src_key_padding_mask": padded(5, 3, 1)})
    yield run(f"TransformerEncoder({layer}, 3)", [[5, 8]], {"mask": square(5)})
    layer = "TransformerDecoderLayer(8, 2, 16, dropout=0.0, batch_first=True)"
    yield run(f"TransformerDecoder({layer}, 2)", [[2, 4, 8], [2, 5, 8]], {"tgt_mask": square(4), "memory_mask": holes(4, 5)})
    yield run(f"TransformerDecoder({layer}, 2, norm=LayerNorm(8))", [[4, 8], [5, 8]])
    whole = "Transformer(8, 2, 2, 2, 16, 0.0"
    yield run(f"{whole})", [[5, 3, 8], [4, 3, 8]], {
        "src_key_padding_mask": padded(5, 3, 1), "memory_key_padding_mask": padded(5, 3, 1), "tgt_mask": square(4)})
    yield run(f"{whole}, activation='gelu', batch_first=True, norm_first=True)", [[3, 4, 8], [3, 5, 8]], {
        "src_mask": holes(4, 4), "tgt_mask": causal(5), "tgt_key_padding_mask": padded(5, 3, 1), "memory_mask": holes(5, 4) == -INF})
    yield run(f"{whole})", [[5, 8], [4, 8]])
    yield run("SinusoidalPositions(6, max_length=7)", [[2, 5, 6]])
    yield run("SinusoidalPositions(5, max_length=4, batch_first=False)", [[4, 2, 5]])
    yield run("SinusoidalPositions(6, max_length=7)", [[7, 6]])


def fresh():
    """Reprs and what a seed gives: PyTorch's own classes."""
    for expression in [
        "MultiheadAttention(4, 2)",
        "MultiheadAttention(4, 2, bias=False, add_bias_kv=True)",
        "MultiheadAttention(4, 2, kdim=3, vdim=5, add_bias_kv=True)",
        "TransformerEncoderLayer(4, 2, 6, activation=nn.GELU())",
        "TransformerDecoderLayer(4, 2, 6, dropout=0.2)",
        "TransformerEncoder(TransformerEncoderLayer(4, 2, 6), 2, norm=LayerNorm(4))",
        "TransformerDecoder(TransformerDecoderLayer(4, 1, 6), 2)",
        "Transformer(4, 2, 2, 1, 6)",
    ]:
        torch.manual_seed(SEED)
        module = eval(expression, {**vars(nn), "nn": nn})
        state = {key: entry(value) for key, value in module.state_dict().items()}
        yield {"module": expression, "repr": repr(module), "state": state, "next": text(torch.rand(3))}


def dropped():
    """In training, the same elements are dropped as in PyTorch: computed in float32, as its masks depend on the dtype."""
    nn.modules.transformer.MultiheadAttention = nn.MultiheadAttention
    for expression, shapes in [
        ("TransformerEncoderLayer(8, 2, 16, dropout=0.3)", [[5, 3, 8]]),
        ("TransformerEncoderLayer(8, 2, 16, dropout=0.3, norm_first=True, batch_first=True)", [[3, 5, 8]]),
        ("TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)", [[3, 5, 8]]),
        ("TransformerDecoderLayer(8, 2, 16, dropout=0.3)", [[4, 3, 8], [5, 3, 8]]),
        ("TransformerDecoderLayer(8, 2, 16, dropout=0.3, batch_first=True)", [[3, 4, 8], [3, 5, 8]]),
        ("Transformer(8, 2, 1, 1, 16, dropout=0.3)", [[5, 3, 8], [4, 3, 8]]),
    ]:
        module = build(expression)
        y = module(*[torch.rand(shape) for shape in shapes])
        yield {"module": expression, "shapes": shapes, "outputs": [entry(y)], "next": text(torch.rand(3))}


def functional():
    """Scaled dot-product attention: bool masks say who takes part."""
    for shapes, options in [
        ([[2, 3, 4, 5], [2, 3, 6, 5], [2, 3, 6, 2]], {}),
        ([[4, 5], [6, 5], [6, 2]], {"scale": 0.3}),
        ([[2, 1, 4, 5], [3, 6, 5], [1, 3, 6, 2]], {}),
        ([[2, 4, 5], [2, 6, 5], [2, 6, 2]], {"attn_mask": numbers(4, 6) > -0.4}),
        ([[2, 3, 4, 5], [2, 3, 6, 5], [2, 3, 6, 2]], {"attn_mask": holes(3, 4, 6)}),
        ([[2, 3, 4, 5], [2, 3, 6, 5], [2, 3, 6, 2]], {"attn_mask": numbers(2, 1, 4, 1) > -0.2}),
        ([[2, 4, 5], [2, 4, 5], [2, 4, 5]], {"is_causal": True}),
        ([[2, 6, 5], [2, 4, 5], [2, 4, 5]], {"is_causal": True, "scale": 2}),
        ([[2, 4, 5], [2, 6, 5], [2, 6, 5]], {"is_causal": True}),
    ]:
        torch.manual_seed(SEED)
        xs = [torch.rand(shape).double().requires_grad_(True) for shape in shapes]
        given = options.get("attn_mask")
        mask = added(~given if given is not None and given.dtype == torch.bool else given, xs[0])
        if "is_causal" in options:
            mask = added(causal(shapes[0][-2], shapes[1][-2]), xs[0])
        y, _ = sdpa(*xs, mask, options.get("scale"))
        gradients = torch.autograd.grad(y, xs, torch.rand(y.shape).double(), create_graph=True)
        shown = {camel(key): data(value) if torch.is_tensor(value) else value for key, value in options.items()}
        yield {"shapes": shapes, "pass": shown, "outputs": [entry(y)],
               "gradients": {f"input{i}": entry(g) for i, g in enumerate(gradients)},
               "second": entry(torch.autograd.grad(gradients[0].square().sum(), xs[0])[0])}


tables = {"seed": SEED, "torch": torch.__version__, "modules": [*attention(), *layers()], "functional": list(functional()),
          "dropped": list(dropped()), "fresh": list(fresh())}
lines = [f"{json.dumps(name)}: " + ("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]" if isinstance(rows, list) else json.dumps(rows))
         for name, rows in tables.items()]
Path(__file__).with_name("expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
