// What a file is, told by its first bytes; those that are not read are refused by name. May import errors.

import { fileError, unsupported } from './elements.js';
import { isNpy } from './npyheader.js';
import { isSafetensors } from './safetensors.js';

/** How many of the first bytes tell. */
export const HEAD_BYTES = 512;

/**
 * The format of a file that begins with these bytes.
 *
 * @throws KeelError [file] for every other, by what it is where that is known, and what to do.
 */
export function kindOf(head: Uint8Array, name: string | null): 'npy' | 'zip' | 'safetensors' | 'onnx' {
  if (head.length === 0) throw fileError('the file is empty', { bytes: 0 });
  if (isNpy(head)) return 'npy';
  // A length of 640 bytes begins as a pickle does, others as a zip archive, gzip or ONNX: four zeros and a brace do not.
  if (isSafetensors(head) && head.subarray(4, 8).every((byte) => byte === 0)) return 'safetensors';
  if (head[0] === 0x50 && head[1] === 0x4b) return 'zip';
  const text = String.fromCharCode(...head);
  const hex = Array.from(head.subarray(0, 20), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const other = others.find(({ bytes, text: pattern }) => bytes?.test(hex) === true || pattern?.test(text) === true);
  if (isOnnx.test(hex)) return 'onnx';
  if (other !== undefined) throw unsupported(`it is ${other.what}`, { kind: other.what });
  if (name?.endsWith('.onnx') === true) return 'onnx';
  if (name?.endsWith('.npy') === true) throw fileError('it is not a .npy file: it does not begin with \\x93NUMPY', {});
  if (/\.(pth?|ckpt)$/.test(name ?? '') && !isSafetensors(head)) {
    const message = 'it is not a zip archive as torch.save writes: the file is damaged, or of another kind';
    throw fileError(message, {});
  }
  if (isSafetensors(head)) return 'safetensors';
  throw unsupported('it is neither .npy nor .npz nor safetensors nor .pth: save it as one of them', {});
}

/** The field ir_version, then another field of a model. */
const isOnnx = /^08(0[1-9a-f]|1[0-4])(12|1a|22|2a|32|3a|42)/;

interface Other {
  /** How it begins, in hexadecimal. */
  readonly bytes?: RegExp;
  /** How it begins, with bytes as characters. */
  readonly text?: RegExp;
  readonly what: string;
}

const again = 'in PyTorch, torch.save(torch.load(path), path) makes it a zip archive, which is read';

const others: readonly Other[] = [
  {
    // Protocol 2, and the long 0x1950a86a20f9469cfc6c.
    bytes: /^80028a0a6cfc9c46f9206aa85019/,
    what: `the format of PyTorch before 1.6, a stream of pickles: ${again}`,
  },
  {
    text: /^[^]{257}ustar/,
    what: `a tar archive, PyTorch's format up to 0.1.10: ${again}`,
  },
  {
    bytes: /^800[2-5]/,
    what: 'a plain pickle, which can run code: in Python, load what you trust and torch.save() its tensors',
  },
  {
    text: /^\s*<(!doctype|html|head|body|\?xml|error)/i,
    what: 'a web page or an error in XML, not a file of tensors: look at it in an editor, and correct the address',
  },
  {
    text: /^version https:\/\/git-lfs/,
    what: "a pointer of Git LFS instead of the file: fetch it with 'git lfs pull'",
  },
  {
    text: /^\s*\{[^\0]{0,400}"(weight_map|metadata)"/,
    what: "an index of shards without a place: open it by its path, which ends in .safetensors.index.json",
  },
  { text: /^\x89HDF/, what: 'an HDF5 file, which is not read: save its weights as safetensors' },
  { text: /^GGUF/, what: 'a GGUF file, which is not read: save its weights as safetensors' },
  { bytes: /^1f8b/, what: 'compressed by gzip: unpack it first' },
];
