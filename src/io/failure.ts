// What went wrong with a file, with its name. May import errors.

import { KeelError } from '../errors.js';
import { fileError, type FileProblem } from './elements.js';

/** The error of reading or writing `path`; one that is about something else passes as it is. */
export function cannot(what: 'read' | 'write', path: string, error: unknown): KeelError {
  if (error instanceof KeelError && error.code !== 'file') return error;
  const { reason, problem, data } = reasonOf(error);
  return fileError(`cannot ${what} '${path}': ${reason}`, { ...data, path, reason }, problem);
}

/** Errors from within say which file they are about. */
export async function named<T>(name: string | null, f: (name: string | null) => Promise<T>): Promise<T> {
  try {
    return await f(name);
  } catch (error) {
    throw name === null && error instanceof KeelError ? error : cannot('read', name ?? 'the given bytes', error);
  }
}

/** What an error says of a file, in plain words where it is the system's. */
export function reasonOf(error: unknown) {
  if (error instanceof KeelError) {
    const { problem, ...data } = error.data;
    return { reason: error.message, problem: isProblem(problem) ? problem : ('access' as const), data };
  }
  const message = error instanceof Error ? error.message : String(error);
  // Node's name of the system's error.
  const system = error instanceof Error && 'code' in error ? String(error.code) : '';
  const problem: FileProblem = system === 'ENOENT' || system === 'ENOTDIR' ? 'missing' : 'access';
  return { reason: words[system] === undefined ? message : `${words[system]} (${system})`, problem, data: system === '' ? {} : { system, message } };
}

function isProblem(value: unknown): value is FileProblem {
  return value === 'corrupt' || value === 'unsupported' || value === 'missing' || value === 'access';
}

const words: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  ENOTDIR: 'no such file: a part of its path is no folder',
  ENAMETOOLONG: 'the name is too long',
  EACCES: 'permission denied',
  EPERM: 'the system does not permit it',
  EISDIR: 'it is a folder',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'no space left: the quota is used up',
  EROFS: 'its file system is read-only',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  EIO: 'the disk reports an error',
};
