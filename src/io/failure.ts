// What went wrong with a file, with its name. May import errors.

import { KeelError } from '../errors.js';
import { fileError, type FileProblem } from './elements.js';

/** The error of reading or writing `path`; one that is about something else passes as it is. */
export function cannot(what: 'read' | 'write', path: string, error: unknown): KeelError {
  if (error instanceof KeelError && error.code !== 'file') return error;
  const reason = error instanceof Error ? error.message : String(error);
  const data = error instanceof KeelError ? error.data : {};
  return fileError(`cannot ${what} '${path}': ${reason}`, { ...data, path, reason }, problemOf(data['problem'], error));
}

/** Errors from within say which file they are about. */
export async function named<T>(name: string | null, f: (name: string | null) => Promise<T>): Promise<T> {
  try {
    return await f(name);
  } catch (error) {
    throw name === null && error instanceof KeelError ? error : cannot('read', name ?? 'the given bytes', error);
  }
}

function problemOf(known: unknown, error: unknown): FileProblem {
  if (known === 'corrupt' || known === 'unsupported' || known === 'missing') return known;
  // Node's name of the system's error.
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'access';
}
