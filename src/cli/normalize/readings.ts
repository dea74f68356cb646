// What is read of a file, wherever it comes from. May import evenkeel/io.

import type { OpenFile } from 'evenkeel/io';

/** What is read of a file. */
export interface Readings extends Omit<OpenFile, 'close'> {
  /** Makes sure that all of it is there, where that shows at its end alone. */
  readonly finish?: () => Promise<void>;
}

/** An open file, by the name that the user gave it. */
export interface Input {
  readonly name: string;
  /** null of standard input. */
  readonly path: string | null;
  readonly file: Readings;
}
