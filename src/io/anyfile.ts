// A file of any kind, told by what is in it, or a folder of one. May import errors and tensor.

import { KeelError } from '../errors.js';
import type { ByteSource } from './bytesource.js';
import type { Contents } from './contents.js';
import { HEAD_BYTES, kindOf } from './kinds.js';
import { openNpy } from './npy.js';
import { isNpz, openNpz } from './npz.js';
import { openInitializers } from './onnx/openonnx.js';
import { openPth, type PthOptions } from './pth.js';
import { openSafetensors } from './safetensors.js';
import { fileMeant, isIndex, openShards } from './shards.js';
import { type FileSource, nameOf } from './source.js';
import { openZip } from './zip.js';

/** The kinds of files that tensors are read from; `shards` are several safetensors files with an index. */
export type FileKind = 'npy' | 'npz' | 'safetensors' | 'pth' | 'onnx' | 'shards';

/** A file of which the description was read. */
export interface AnyFile {
  readonly kind: FileKind;
  readonly contents: Contents;
  readonly close: () => Promise<void>;
}

/**
 * Opens what a source is; `bytesFrom` says how bytes come from it.
 *
 * @throws KeelError [file] as {@link load}; [argument] for an `entry` of another than a .pth file.
 */
export async function openAny(
  given: FileSource,
  options: PthOptions,
  bytesFrom: (source: FileSource) => Promise<ByteSource>,
): Promise<AnyFile> {
  const source = await fileMeant(given);
  const bytes = await bytesFrom(source);
  try {
    if (isIndex(source)) {
      checkEntry('shards', options);
      const shards = await openShards(source, bytes);
      await bytes.close();
      return { kind: 'shards', contents: shards, close: shards.close };
    }
    return { ...(await contentsOf(bytes, source, options)), close: () => bytes.close() };
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

async function contentsOf(source: ByteSource, given: FileSource, options: PthOptions): Promise<Omit<AnyFile, 'close'>> {
  const name = nameOf(given);
  const kind = kindOf(await source.read(0, Math.min(HEAD_BYTES, source.bytes)), name);
  if (kind === 'zip') return archiveOf(source, name, options);
  checkEntry(kind, options);
  switch (kind) {
    case 'npy':
      return { kind, contents: await openNpy(source) };
    case 'safetensors':
      return { kind, contents: await openSafetensors(source) };
    case 'onnx':
      return { kind, contents: await openInitializers(given, source) };
    default:
      return kind satisfies never;
  }
}

async function archiveOf(source: ByteSource, name: string | null, options: PthOptions): Promise<Omit<AnyFile, 'close'>> {
  const zip = await openZip(source);
  const records = [...zip.records.keys()];
  // numpy.savez without arrays writes an archive of nothing.
  const isEmpty = records.length === 0 && name?.endsWith('.npz') === true;
  if (!isEmpty && !isNpz(records)) return { kind: 'pth', contents: await openPth(zip, source.bytes, options) };
  checkEntry('npz', options);
  return { kind: 'npz', contents: await openNpz(zip) };
}

function checkEntry(kind: FileKind, { entry }: PthOptions): void {
  if (entry === undefined) return;
  throw new KeelError('argument', `entry chooses a dict of a .pth file, and the kind of this one is ${kind}`, { kind });
}
