// What was drawn is kept: all cells, and the sets lifted last. Imports nothing.

/** Lifted sets that are kept. */
const MOST = 8;

export class Stills {
  readonly #width: number;
  readonly #height: number;
  readonly #draw: (context: CanvasRenderingContext2D, lifted: number | null) => void;
  readonly #kept = new Map<number | null, HTMLCanvasElement>();

  constructor(width: number, height: number, draw: (context: CanvasRenderingContext2D, lifted: number | null) => void) {
    this.#width = width;
    this.#height = height;
    this.#draw = draw;
  }

  /** All cells, or those of a lifted set. */
  of(lifted: number | null): HTMLCanvasElement {
    const known = this.#kept.get(lifted);
    if (known !== undefined) return known;
    const canvas = this.#free();
    const context = canvas.getContext('2d');
    if (context !== null) {
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
      this.#draw(context, lifted);
    }
    this.#kept.set(lifted, canvas);
    return canvas;
  }

  /** The set lifted longest ago gives its canvas. */
  #free(): HTMLCanvasElement {
    const oldest = [...this.#kept.keys()].find((set) => set !== null);
    const canvas = this.#kept.size > MOST && oldest !== undefined ? this.#kept.get(oldest) : undefined;
    if (canvas === undefined || oldest === undefined) {
      const made = document.createElement('canvas');
      // What is empty cannot be drawn again.
      made.width = Math.max(1, Math.ceil(this.#width * devicePixelRatio));
      made.height = Math.max(1, Math.ceil(this.#height * devicePixelRatio));
      return made;
    }
    this.#kept.delete(oldest);
    return canvas;
  }
}
