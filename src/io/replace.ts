// A file that takes the place of another once all of it is written. May import errors.

import { cannot } from './failure.js';
import { fileSystem, fileURL } from './source.js';

/**
 * Writes chunks one after another under a temporary name, which then takes the place of `path`: what fails leaves the old
 * file whole and no temporary behind. A chunk may be made when its turn comes, so that no more than one is held.
 *
 * @throws KeelError [file] where it cannot be written; whatever a chunk throws.
 */
export async function replaceFile(path: string | URL, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await write(fileURL(path) ?? String(path), chunks);
  } catch (error) {
    throw cannot('write', String(path), error);
  }
}

async function write(path: string | URL, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const fs = fileSystem();
  // A link stays one, to what it leads to.
  const target = await fs.realpath(path).catch(() => path);
  const suffix = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}.tmp`;
  const temporary = target instanceof URL ? new URL(`${target.href}.${suffix}`) : `${target}.${suffix}`;
  try {
    const file = await fs.open(temporary, 'wx');
    try {
      // Goes on where the last chunk ended.
      for await (const chunk of chunks) await file.writeFile(chunk);
      // Else the new name may reach the disk before the bytes do.
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(temporary, target);
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
}
