// Files that a file names, which lie in its folder or below and nowhere else. May import errors.

import type { KeelError } from '../errors.js';
import type { ByteSource } from './bytesource.js';
import { fileError, unsupported } from './elements.js';
import { pathTrick } from './pathname.js';
import { builtins, fileSystem, fileURL, type FileSource, rangesOf } from './source.js';

/**
 * The file that `source` calls `location`.
 *
 * @throws KeelError [file] where that leads out of the source's folder, by its text or by a link; for bytes and Blobs,
 *   which lie in none.
 */
export async function openBeside(source: FileSource, location: string): Promise<ByteSource> {
  // Some writers begin with the folder itself.
  const inside = location.replace(/^\.\//, '');
  const trick = pathTrick(inside);
  if (trick !== null) throw outside(location, `its name ${trick}`);
  if (typeof source !== 'string' && !(source instanceof URL)) {
    const message = `the elements are in another file, '${location}', to which bytes do not lead: open the model by its path`;
    throw unsupported(message, { location });
  }
  const folder = await folderOnDisk(source);
  if (folder === null) return rangesOf(`${folderOfURL(String(source))}${inside.split('/').map(encodeURIComponent).join('/')}`);
  const target = await fileSystem().realpath(`${folder}${inside}`);
  if (target.startsWith(folder)) return rangesOf(target);
  throw outside(location, 'a link leads there: copy the folder with what its links lead to, as cp -rL does');
}

/** Where a file lies, without links, and a separator; null for a file on a server. */
async function folderOnDisk(source: string | URL): Promise<string | null> {
  const [path, url] = [builtins()?.('node:path'), builtins()?.('node:url')];
  const local = fileURL(source);
  const isRemote = local === null && (source instanceof URL || /^https?:/.test(source));
  if (path === undefined || url === undefined || isRemote) return null;
  const folder = await fileSystem().realpath(path.dirname(local === null ? String(source) : url.fileURLToPath(local)));
  return folder.endsWith(path.sep) ? folder : `${folder}${path.sep}`;
}

/** What a URL has before the last part of its path. */
function folderOfURL(url: string): string {
  const [path = ''] = url.split(/[?#]/);
  return path.slice(0, path.lastIndexOf('/') + 1);
}

function outside(location: string, why: string): KeelError {
  const message = `'${location}' is refused: it may lie outside the folder of the file that names it, as ${why}`;
  return fileError(message, { location });
}
