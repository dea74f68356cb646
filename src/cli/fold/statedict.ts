// Folding a state dict in a file. May import node:, evenkeel and neighbours.

import { resolve } from 'node:path';
import { KeelError, type Tensor } from 'evenkeel';
import { foldState, type FoldKind, type NamedPair } from 'evenkeel/fold';
import { open, type Format, type OpenFile, type TensorPart } from 'evenkeel/io';
import { formatOf } from '../convert/parts.js';
import { targetOf, write } from '../normalize/output.js';
import type { Terminal } from '../terminal.js';
import type { Job, Report } from './report.js';

/** What the user says of a state dict. */
export interface StateWish {
  readonly eps: number | null;
  readonly pair: readonly string[];
  readonly entry: string | null;
}

export async function foldStateFile(job: Job, { eps, pair, entry }: StateWish, terminal: Terminal): Promise<Report> {
  const { name, path, out, overwrite } = job;
  const pairs = pair.length === 0 ? null : pair.map(pairOf);
  const opened = await open(path, entry === null ? {} : { entry });
  try {
    if (opened.kind === 'onnx') {
      throw new KeelError('argument', `'${name}' is an ONNX model: end its name in .onnx`, { name });
    }
    const file = opened.kind === 'safetensors' ? opened : { ...opened, metadata: { format: 'pt', ...opened.metadata } };
    const input = { name, path, file };
    const target = out === null ? null : await targetOf(out, input, overwrite, (given) => resolve(terminal.cwd, given));
    const state = await tensorsOf(file, terminal);
    const { state: folded, ...report } = foldState(state, { eps, pairs, entries: file.entries });
    const isWritten = target !== null && report.pairs.length > 0;
    if (isWritten) await write(target, partsOf(folded, file), input, terminal);
    return { input: name, output: isWritten ? target.name : null, beside: [], ...report };
  } finally {
    await opened.close();
  }
}

async function tensorsOf(file: OpenFile, { progress, signal }: Terminal): Promise<Map<string, Tensor>> {
  const state = new Map<string, Tensor>();
  const keys = file.keys();
  for (const [i, key] of keys.entries()) {
    signal.throwIfAborted();
    progress('reading', i, keys.length);
    state.set(key, await file.read(key));
  }
  progress('', 1, 1);
  return state;
}

/** The folded tensors, each in the format that it has in the file; a bias that came in its weight's. */
function partsOf(state: ReadonlyMap<string, Tensor>, { entries }: OpenFile): Map<string, TensorPart> {
  const formatAt = (key: string): Format => (entries.get(key) ?? entries.get(key.replace(/bias$/, 'weight')))?.format ?? 'F32';
  return new Map(
    [...state].map(([key, tensor]) => {
      const chunks = async function* () {
        const flat = tensor.reshape([tensor.size]);
        yield flat;
        flat.dispose();
      };
      return [key, { shape: tensor.shape, format: formatOf(formatAt(key), null), chunks }];
    }),
  );
}

/** `bn1=conv1` or `bn1=conv1:batch-norm-conv` */
function pairOf(text: string): NamedPair {
  const [, norm, into, kind] = /^([^=]+)=([^=:]+)(?::([^:]+))?$/.exec(text) ?? [];
  if (norm === undefined || into === undefined) {
    throw new KeelError('argument', `--pair takes NORM=INTO, such as bn1=conv1, got '${text}'`, { pair: text });
  }
  // foldState refuses kinds that there are not, by naming those that there are.
  return kind === undefined ? [norm, into] : [norm, into, kind as FoldKind];
}
