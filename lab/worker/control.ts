// What a long job hears while it works: pause, resume, stop. Imports nothing.

export class Control {
  readonly #post: (part: unknown) => void;
  #isStopped = false;
  #isPaused = false;
  #resume: (() => void) | null = null;
  readonly #abort = new AbortController();

  constructor(post: (part: unknown) => void) {
    this.#post = post;
  }

  tell(word: 'pause' | 'resume' | 'stop'): void {
    this.#isPaused = word === 'pause';
    this.#isStopped ||= word === 'stop';
    if (word === 'stop') this.#abort.abort();
    if (word !== 'pause') this.#resume?.();
  }

  /** For what takes a signal: aborted by stop. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Gives a part of the answer. */
  give(part: unknown): void {
    this.#post(part);
  }

  /** Lets messages in, waits while paused; whether to go on. */
  async turn(): Promise<boolean> {
    await new Promise((done) => setTimeout(done));
    while (this.#isPaused && !this.#isStopped) await new Promise<void>((done) => void (this.#resume = done));
    return !this.#isStopped;
  }
}
