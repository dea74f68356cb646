"""Writes own-layers and own-ops: what PyTorch computes for the rows of layer_cases.py and op_cases.py.

Values are float64 results on float32 inputs, rounded to float32. Needs PyTorch 1.13 or later:

    python test/oracle/generate.py

A tolerance is rtol 1e-5 and a strict_atol of 3 times the error of PyTorch's own float32 kernels, or 2e-6 of the
largest element if that is more; atol allows for one float32 rounding of the inputs besides.
"""
import json
import struct
import sys
import warnings
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from layer_cases import layer_cases  # noqa: E402
from layer_ops import OPS as LAYERS  # noqa: E402
from op_cases import op_cases  # noqa: E402
from op_ops import OPS  # noqa: E402

ROUNDING = 2**-24
TRIALS = 4


def evaluate(op, case, dtype, shake=None):
    """The outputs with all floats in one dtype; with `shake`, each is first moved by one float32 rounding."""
    tensors = {}
    for name, tensor in case.tensors().items():
        if tensor.is_floating_point():
            tensor = tensor.to(dtype)
            if shake is not None:
                tensor = tensor * (1 + ROUNDING * torch.randn(tensor.shape, generator=shake, dtype=dtype).sign())
            tensor = tensor.requires_grad_()
        tensors[name] = tensor
    return {name: out.detach() for name, out in op(case.args, tensors).items()}


def largest(difference):
    finite = difference[torch.isfinite(difference)].abs()
    return finite.max().item() if finite.numel() else 0.0


def three_digits(value):
    return float(f"{value:.3g}")


def measure(op, case):
    """The expected tensors and the case as stored."""
    truth = evaluate(op, case, torch.float64)
    single = evaluate(op, case, torch.float32)
    shake = torch.Generator().manual_seed(1)
    shaken = [evaluate(op, case, torch.float64, shake) for _ in range(TRIALS)]
    expected, tolerance, errors, differs, nonfinite = {}, {}, {}, [], []
    for name in case.outputs:
        e = truth[name]
        if not e.is_floating_point():
            expected[name], tolerance[name] = e, {"rtol": 0, "atol": 0}
            continue
        expected[name] = rounded = e.to(torch.float32)
        error = largest(single[name].double() - e)
        strict = max(3 * error, 2e-6 * largest(rounded))
        atol = max(strict, 3 * max(largest(other[name] - e) for other in shaken))
        tolerance[name] = {"rtol": 1e-5, "atol": three_digits(atol) or 3e-5, "strict_atol": three_digits(strict)}
        errors[name] = three_digits(error)
        if not torch.equal(torch.isfinite(single[name]), torch.isfinite(rounded)):
            differs.append(name)
        if not torch.isfinite(rounded).all():
            nonfinite.append(name)
    row = {"id": case.id, "op": case.op, "args": case.args, "inputs": list(case.inputs), "params": list(case.params),
           "outputs": case.outputs, "tolerance": tolerance, "torch_f32_max_abs_err": errors}
    optional = {"torch_f32_finiteness_differs": differs, "nonfinite_outputs": nonfinite, "tags": case.tags}
    row.update({key: value for key, value in optional.items() if value})
    return row, {f"{case.id}/{name}": tensor for name, tensor in {**case.tensors(), **expected}.items()}


def write_safetensors(path, tensors):
    names = {torch.float32: "F32", torch.int64: "I64", torch.bool: "BOOL"}
    header, chunks, end = {}, [], 0
    # Wider elements first, so that each lies at a multiple of its size.
    for key, tensor in sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])):
        chunk = tensor.detach().contiguous().numpy().tobytes()
        header[key] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape),
                       "data_offsets": [end, end + len(chunk)]}
        chunks.append(chunk)
        end += len(chunk)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def write_suite(name, key, ops, cases, note):
    rows, tensors, ids = [], {}, set()
    for case in cases:
        assert case.id not in ids and "/" not in case.id, case.id
        ids.add(case.id)
        row, own = measure(ops[case.op], case)
        rows.append(row)
        tensors.update(own)
    head = {"suite": name, "source": "PyTorch, float64 truth cast to float32", "note": note, "torch": torch.__version__,
            "count": len(rows)}
    lines = ",\n".join(json.dumps(row, allow_nan=False, separators=(",", ":")) for row in rows)
    folder = Path(__file__).parent
    (folder / f"{name}.json").write_text(f"{json.dumps(head)[:-1]}, \"{key}\": [\n{lines}\n]}}\n")
    write_safetensors(folder / f"{name}.safetensors", tensors)
    print(f"{name}: {len(rows)} cases")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    write_suite("own-layers", "cases", LAYERS, layer_cases(),
                "y = forward; d<name> = gradient of sum(y*dy) with respect to <name>")
    # `rows`, not `cases`: these ops are not the corpus's, and test/ops.test.ts alone runs them.
    write_suite("own-ops", "rows", OPS, op_cases(),
                "y = op(inputs, args); d<name> = gradient of sum(y*dy) with respect to <name>")
