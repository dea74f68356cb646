// How the command ends: what each kind of error is to a script. May import evenkeel.

import { KeelError, type ErrorCode } from 'evenkeel';

/** What scripts can tell apart, as help and the documentation list it. */
export const exits = {
  0: 'fine',
  1: 'it differs, or something is flagged',
  2: 'usage: an unknown option, sizes that do not fit the data, a file that is not there or must not be overwritten',
  3: 'a corrupt file',
  4: 'a file of a kind that is not read or written',
  5: 'a file that cannot be read or written, a full disk, no memory',
  70: 'a defect of evenkeel, which should be reported',
  130: 'interrupted',
} as const;

export type Exit = keyof typeof exits;

/** The exit code of an error. */
export function exitOf(error: unknown): Exit {
  if (!(error instanceof KeelError)) return 70;
  return error.code === 'file' ? (ofFiles[String(error.data['problem'])] ?? 3) : codes[error.code];
}

const ofFiles: Readonly<Record<string, Exit>> = { missing: 2, corrupt: 3, unsupported: 4, access: 5 };

const codes: Readonly<Record<Exclude<ErrorCode, 'file'>, Exit>> = {
  syntax: 2,
  name: 2,
  indivisible: 2,
  uninferable: 2,
  rank: 2,
  shape: 2,
  dimension: 2,
  size: 2,
  dtype: 2,
  argument: 2,
  too_few_values: 2,
  no_statistics: 2,
  state_dict: 2,
  memory: 5,
  wasm: 5,
  worker: 5,
  backend: 70,
  disposed: 70,
  modified: 70,
  graph: 70,
};
