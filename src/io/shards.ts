// Safetensors in several files, and the folders that models come in. May import errors and tensor.

import type { ByteSource } from './bytesource.js';
import { openBeside } from './beside.js';
import type { Contents, TensorEntry } from './contents.js';
import { fileError, unsupported } from './elements.js';
import { reasonOf } from './failure.js';
import { isRecord, MOST_HEADER_BYTES, parseHeader, showJson } from './headerjson.js';
import { pathTrick } from './pathname.js';
import { openSafetensors } from './safetensors.js';
import { builtins, fileSystem, fileURL, type FileSource, isRemote } from './source.js';

/** Whether a source is an index by its name. */
export function isIndex(source: FileSource): source is string | URL {
  return (typeof source === 'string' || source instanceof URL) && /\.safetensors\.index\.json([?#].*)?$/.test(String(source));
}

/**
 * The file that is meant by a folder: the index of its shards, or else the only `.safetensors` or `.pth` file in it. What is
 * no folder comes back as it is.
 *
 * @throws KeelError [file] for a folder with several of them, or none, and for a link out of the folder.
 */
export async function fileMeant(source: FileSource): Promise<FileSource> {
  const path = builtins()?.('node:path');
  if (path === undefined || (typeof source !== 'string' && !(source instanceof URL)) || isRemote(source)) return source;
  const fs = fileSystem();
  const folder = fileURL(source) ?? source;
  const facts = await fs.stat(folder, { bigint: true });
  if (!facts.isDirectory()) return source;
  const real = await fs.realpath(folder);
  const names = (await fs.readdir(folder)).sort();
  const indexes = names.filter(isIndex);
  const files = indexes.length > 0 ? indexes : names.filter((name) => /\.(safetensors|pth?)$/.test(name));
  const [only = ''] = files;
  if (files.length === 1) {
    await (await openBeside(path.join(real, only), only)).close();
    return path.join(real, only);
  }
  const shown = names.slice(0, 8).join(', ') + (names.length > 8 ? ', ...' : '');
  const problem =
    files.length > 1
      ? `it is a folder with several models, ${files.slice(0, 8).join(', ')}: open one of them`
      : `it is a folder without .safetensors, .pth or an index of shards; there is ${shown === '' ? 'nothing' : shown} in it`;
  throw unsupported(problem, { names: names.slice(0, 100) });
}

/** Shards that are open, as one file. */
export interface Shards extends Contents {
  readonly close: () => Promise<void>;
}

/**
 * The tensors of all shards that an index names, once it is seen that every tensor is where the index has it, and nowhere
 * else.
 *
 * @throws KeelError [file] by its name for a shard that is not there, is malformed or lies outside the index's folder, and for
 *   tensors that the index has and the shard has not, or the other way round.
 */
export async function openShards(index: string | URL, bytes: ByteSource): Promise<Shards> {
  const { shardOf, metadata } = await readIndex(bytes);
  const names = [...new Set(shardOf.values())];
  for (const name of names) checkName(name);
  const opened: ByteSource[] = [];
  const close = async () => {
    await Promise.all(opened.map((each) => each.close()));
  };
  try {
    const shards = new Map<string, Contents>();
    for (const name of names) {
      const contents = await inShard(name, async () => {
        const source = await openBeside(index, name);
        opened.push(source);
        return openSafetensors(source);
      });
      shards.set(name, contents);
    }
    const entries = entriesOf(shards, shardOf);
    const within = <T>(key: string, f: (shard: Contents) => Promise<T>): Promise<T> => {
      const name = shardOf.get(key) ?? '';
      const shard = shards.get(name);
      if (shard === undefined) throw fileError(`no tensor is called '${key}'`, { tensor: key });
      return inShard(name, () => f(shard));
    };
    return {
      entries,
      metadata,
      read: (key) => within(key, (shard) => shard.read(key)),
      readRange: (key, begin, end) => within(key, (shard) => shard.readRange(key, begin, end)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readIndex(source: ByteSource) {
  if (source.bytes > MOST_HEADER_BYTES) {
    const message = `the index has ${source.bytes} bytes, ${MOST_HEADER_BYTES} at most`;
    throw fileError(message, { bytes: source.bytes, limit: MOST_HEADER_BYTES });
  }
  const { json } = parseHeader(await source.read(0, source.bytes));
  const { weight_map: map, metadata = {} } = json;
  if (!isRecord(map) || !isRecord(metadata)) {
    throw fileError("it is no index of shards: it has no 'weight_map' from names of tensors to files", {});
  }
  const shardOf = new Map<string, string>();
  for (const [key, name] of Object.entries(map)) {
    if (typeof name !== 'string') throw fileError(`the index has '${key}' in ${showJson(name)}, which is no name`, { tensor: key });
    shardOf.set(key, name);
  }
  const texts = Object.entries(metadata).map(([key, value]) => [key, typeof value === 'string' ? value : showJson(value)] as const);
  return { shardOf, metadata: Object.fromEntries(texts) };
}

function checkName(name: string): void {
  const trick = pathTrick(name);
  const shown = name.slice(0, 200);
  if (trick !== null) throw fileError(`the name of shard '${shown}' ${trick}: shards lie in the index's folder`, { shard: shown });
  if (!name.endsWith('.safetensors')) throw unsupported(`shard '${shown}' is no .safetensors file, which alone are read`, { shard: shown });
}

/** All tensors, shard by shard. */
function entriesOf(shards: ReadonlyMap<string, Contents>, shardOf: ReadonlyMap<string, string>): ReadonlyMap<string, TensorEntry> {
  const entries = new Map<string, TensorEntry>();
  for (const [name, shard] of shards) {
    for (const [key, entry] of shard.entries) {
      const expected = shardOf.get(key);
      const facts = { tensor: key, shard: name };
      if (expected === undefined) throw fileError(`shard '${name}' holds '${key}', which the index does not have`, facts);
      if (expected !== name) throw fileError(`'${key}' is in shard '${name}', and the index has it in '${expected}'`, facts);
      entries.set(key, entry);
    }
  }
  for (const [key, name] of shardOf) {
    if (entries.has(key)) continue;
    throw fileError(`the index has '${key}' in shard '${name}', which does not hold it`, { tensor: key, shard: name });
  }
  return entries;
}

async function inShard<T>(name: string, f: () => Promise<T>): Promise<T> {
  try {
    return await f();
  } catch (error) {
    const { reason, problem, data } = reasonOf(error);
    throw fileError(`shard '${name}': ${reason}`, { ...data, shard: name }, problem);
  }
}
