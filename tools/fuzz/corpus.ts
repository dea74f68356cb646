// The files that inputs are mutated from: those that tests keep. May import node:.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folders = ['test/io', 'test/arrays', 'test/models', 'test/models/broken', 'test/onnx', 'test/normalize', 'data'];

/** Larger files say no more, and take longer. */
const MOST_BYTES = 150_000;

/** Bytes of all files of the tests with one of these endings, in a fixed order. Paths begin at the repository. */
export function corpusOf(...endings: readonly string[]): readonly Uint8Array[] {
  const paths = folders.flatMap((folder) => namesIn(folder).map((name) => join(folder, name)));
  const files = paths.filter((path) => endings.some((ending) => path.endsWith(ending))).map((path) => new Uint8Array(readFileSync(path)));
  const corpus = files.filter(({ length }) => length > 0 && length <= MOST_BYTES);
  if (corpus.length === 0) throw new Error(`no files of ${endings.join()} in ${folders.join()}: run it in the repository`);
  return corpus;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
