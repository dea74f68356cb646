// What went wrong with a file, with its name. May import errors.

import { KeelError } from '../errors.js';
import { fileError } from './elements.js';

/** The error of reading or writing `path`; one that is about something else passes as it is. */
export function cannot(what: 'read' | 'write', path: string, error: unknown): KeelError {
  if (error instanceof KeelError && error.code !== 'file') return error;
  const reason = error instanceof Error ? error.message : String(error);
  const data = error instanceof KeelError ? error.data : {};
  return fileError(`cannot ${what} '${path}': ${reason}`, { ...data, path, reason });
}
