"""Faults planted in a sound model: `python lab/samples/plant.py` writes faulty.safetensors beside itself (numpy).

One of each kind that an inspection flags, in the network of test/models/resnet_bn.safetensors.
"""

import json
import struct
from pathlib import Path

import numpy as np

here = Path(__file__).parent
source = here.parent.parent / "test" / "models" / "resnet_bn.safetensors"
dtypes = {"F32": "<f4", "I64": "<i8"}


def read(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    entries = sorted(header.items(), key=lambda entry: entry[1]["data_offsets"])
    slices = {name: body[slice(*entry["data_offsets"])] for name, entry in entries}
    return {name: np.frombuffer(slices[name], dtypes[entry["dtype"]]).reshape(entry["shape"]).copy() for name, entry in entries}


def write(path, arrays):
    header, offset = {}, 0
    for name, array in arrays.items():
        dtype = "I64" if array.dtype == np.int64 else "F32"
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for array in arrays.values()))


def main():
    model = read(source)
    model["bn1.weight"][[3, 4, 11]] = [1e-5, 0, -2e-4]
    model["layer1.0.bn1.running_var"][[2, 9]] = [3e-5, 0]
    model["layer1.0.bn2.running_mean"][:] = 0
    model["layer1.0.bn2.running_var"][:] = 1
    model["layer1.0.bn2.num_batches_tracked"] = np.array(0, dtype=np.int64)
    model["layer2.0.bn1.running_var"][7] = -0.01
    model["layer2.0.bn2.bias"][[0, 5]] = [np.nan, np.inf]
    del model["layer2.0.downsample.1.running_mean"]
    model["fc.weight"][2, 7] = -np.inf
    write(here / "faulty.safetensors", model)


main()
