// A line that tells how far a job is. May import errors and nn.

import { checkCount, optionsOf } from '../nn/check.js';

/** Options of {@link Progress}. */
export interface ProgressOptions {
  /** What the line begins with. Default none. */
  readonly label?: string;
  /** What is counted, in the plural. Default 'items'. */
  readonly unit?: string;
  /** Where text goes. Default: standard error where there is one, else the console, a line at a time. */
  readonly write?: (text: string) => void;
  /** Whether one line is drawn again and again, or lines are written now and then. Default: as standard error is. */
  readonly isTerminal?: boolean;
  /** Columns of the terminal. Default: standard error's, or 80. */
  readonly width?: number;
  /** Milliseconds of a clock. Default: the process's. */
  readonly now?: () => number;
}

/**
 * A bar, a count, the rate and the time left: `epoch 2 [█████·····] 640/1437 45% 1234 images/s 0:07 left loss 0.531`.
 * On a terminal one line is drawn again, at most ten times a second and cut to the width; elsewhere lines are written, at
 * most one in five seconds. `done()` writes the last one, with the time taken.
 *
 * @param total what `update` counts to, from 0
 * @throws KeelError [size] for a total that is no count; [argument] for unknown options.
 * @example
 * const progress = new Progress(images.shape[0], { label: 'epoch 1', unit: 'images' });
 * progress.update(32, 'loss 2.31');
 * progress.done();
 */
export class Progress {
  readonly total: number;
  readonly #options: Required<ProgressOptions>;
  readonly #start: number;
  #count = 0;
  #note = '';
  #last: number;
  #drawn = 0;

  constructor(total: number, options: ProgressOptions = {}) {
    checkCount('total', total, 0);
    this.total = total;
    this.#options = optionsOf('Progress', options, standard());
    this.#start = this.#options.now();
    this.#last = this.#options.isTerminal ? -Infinity : this.#start;
  }

  /** So many are done; the note comes last in the line. */
  update(count: number, note = this.#note): void {
    this.#count = count;
    this.#note = note;
    const { now, isTerminal } = this.#options;
    const time = now();
    if (time - this.#last < (isTerminal ? REDRAW_MILLIS : LINE_MILLIS)) return;
    this.#last = time;
    this.#write(time, false);
  }

  /** Writes the line a last time, whatever is done, and ends it. */
  done(note = this.#note): void {
    this.#note = note;
    this.#write(this.#options.now(), true);
  }

  #write(time: number, isDone: boolean): void {
    const { label, unit, write, isTerminal, width } = this.#options;
    const millis = time - this.#start;
    const text = progressText({ label, unit, total: this.total, count: this.#count, millis, note: this.#note, isDone });
    if (!isTerminal) {
      write(`${text}\n`);
      return;
    }
    // A line as wide as the terminal would break, and what stands of a longer one before must go.
    const line = [...text].slice(0, Math.max(0, width - 1)).join('');
    write(`\r${line}${' '.repeat(Math.max(0, this.#drawn - [...line].length))}${isDone ? '\n' : ''}`);
    this.#drawn = [...line].length;
  }
}

/** Where a job stands. */
export interface Standing {
  readonly label: string;
  readonly unit: string;
  readonly total: number;
  readonly count: number;
  readonly millis: number;
  readonly note: string;
  readonly isDone: boolean;
}

/** The line of {@link Progress}. */
export function progressText({ label, unit, total, count, millis, note, isDone }: Standing): string {
  const share = total === 0 ? 1 : Math.min(1, Math.max(0, count / total));
  const full = Math.floor(share * BAR);
  const bar = `[${'█'.repeat(full)}${'·'.repeat(BAR - full)}]`;
  const rate = millis > 0 ? (1000 * count) / millis : 0;
  const left = rate > 0 ? (1000 * Math.max(0, total - count)) / rate : null;
  const time = isDone ? `in ${clock(millis)}` : left === null ? '' : `${clock(left)} left`;
  const speed = rate > 0 ? `${rounded(rate)} ${unit}/s` : '';
  const parts = [label, bar, `${count}/${total}`, `${Math.floor(100 * share)}%`, speed, time, note];
  return parts.filter((part) => part !== '').join(' ');
}

const BAR = 20;
const REDRAW_MILLIS = 100;
const LINE_MILLIS = 5000;

/** Three digits, or whole numbers. */
function rounded(rate: number): string {
  return rate >= 100 ? String(Math.round(rate)) : rate.toPrecision(3);
}

/** `0:07`, `1:02:03` */
function clock(millis: number): string {
  const seconds = Math.ceil(millis / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${hours > 0 ? `${hours}:${twoDigits(minutes)}` : minutes}:${twoDigits(seconds % 60)}`;
}

function twoDigits(n: number): string {
  return String(n).padStart(2, '0');
}

/** Of the process, where there is one; a page has only its console. */
function standard(): Required<ProgressOptions> {
  const stream = globalThis.process?.stderr;
  return {
    label: '',
    unit: 'items',
    write: (text) => {
      if (stream === undefined) console.error(text.trim());
      else stream.write(text);
    },
    isTerminal: stream?.isTTY === true,
    width: stream?.columns ?? 80,
    now: () => performance.now(),
  };
}
