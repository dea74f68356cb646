// The allocator of the WASM memory: addresses by size class, reused as they come back. Imports nothing.

/** What a heap asks of the memory under it. */
export interface Ground {
  /** Bytes that there are. */
  readonly bytes: number;
  /** Makes it at least `bytes` large; false where the machine has no more. */
  grow(bytes: number): boolean;
}

/** Free blocks of one size, or pieces of memory that were put together from neighbours. */
interface Piece {
  address: number;
  bytes: number;
}

/** Steps of growth: many small ones would each refresh every view. */
const STEP = 16 << 20;
/** Blocks of a page or more begin this much later in their page than the one before: equal offsets would share cache sets. */
const STAGGER = 192;

/**
 * Blocks of `bytes`, 64-byte aligned, uninitialized. Sizes are rounded up by at most an eighth, so that a block that
 * comes back serves the next tensor of about its size.
 */
export class Heap {
  readonly #ground: Ground;
  readonly #free = new Map<number, number[]>();
  #pieces: Piece[] = [];
  /** Bytes in `#free`. */
  #idle = 0;
  #top: number;

  constructor(ground: Ground, start: number) {
    this.#ground = ground;
    this.#top = start;
  }

  /** The address of a block, or 0 where there is no room below `limit`. */
  alloc(bytes: number, limit: number): number {
    const size = sizeClass(bytes);
    const address = this.#free.get(size)?.pop();
    if (address !== undefined) {
      this.#idle -= size;
      return address;
    }
    return this.#fromPieces(size) || this.#fromTop(size, limit);
  }

  /** Takes back a block of `bytes`. */
  free(address: number, bytes: number): void {
    const size = sizeClass(bytes);
    const same = this.#free.get(size);
    if (same === undefined) this.#free.set(size, [address]);
    else same.push(address);
    this.#idle += size;
  }

  #fromTop(size: number, limit: number): number {
    if (this.#top + size > Math.min(limit, this.#ground.bytes)) {
      // Before the memory grows, what lies idle in other sizes is worth a sort; and before there is none.
      if (this.#idle >= Math.max(size, this.#top / 4)) return this.#fromCoalesced(size) || this.#bump(size, limit);
      return this.#bump(size, limit) || this.#fromCoalesced(size) || this.#bump(size, limit);
    }
    return this.#bump(size, limit);
  }

  #fromCoalesced(size: number): number {
    this.#coalesce();
    return this.#fromPieces(size);
  }

  #bump(size: number, limit: number): number {
    const address = this.#top;
    if (address + size > limit || !this.#grows(address + size, limit)) return 0;
    this.#top += size;
    return address;
  }

  #grows(end: number, limit: number): boolean {
    if (end <= this.#ground.bytes) return true;
    return this.#ground.grow(Math.max(end, Math.min(end + STEP, limit))) || this.#ground.grow(end);
  }

  #fromPieces(size: number): number {
    const i = this.#pieces.findIndex(({ bytes }) => bytes >= size);
    const piece = this.#pieces[i];
    if (piece === undefined) return 0;
    const { address } = piece;
    piece.address += size;
    piece.bytes -= size;
    if (piece.bytes === 0) this.#pieces.splice(i, 1);
    return address;
  }

  /** Puts free neighbours together. */
  #coalesce(): void {
    const pieces = [...this.#free].flatMap(([bytes, addresses]) => addresses.map((address) => ({ address, bytes })));
    pieces.push(...this.#pieces);
    pieces.sort((a, b) => a.address - b.address);
    this.#free.clear();
    this.#idle = 0;
    this.#pieces = [];
    for (const piece of pieces) {
      const last = this.#pieces.at(-1);
      if (last !== undefined && last.address + last.bytes === piece.address) last.bytes += piece.bytes;
      else this.#pieces.push(piece);
    }
    const last = this.#pieces.at(-1);
    if (last === undefined || last.address + last.bytes !== this.#top) return;
    this.#top = last.address;
    this.#pieces.pop();
  }
}

function sizeClass(bytes: number): number {
  if (bytes <= 1024) return Math.max(64, Math.ceil(bytes / 64) * 64);
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 3);
  const size = Math.ceil(bytes / step) * step;
  return size < 4096 ? Math.ceil(size / 64) * 64 : Math.ceil(size / 4096) * 4096 + STAGGER;
}
