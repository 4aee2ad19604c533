import type { Pixels } from './decode-rows.js';

/** Batches that can lie unused at a time; as many as are decoded ahead without workers, and one more. */
const MOST = 3;

/** Memory of batches that are no longer read, for later ones: so that an epoch leaves next to nothing to collect. */
export class BatchMemory {
  readonly #given = new WeakSet<Pixels>();
  readonly #returned: Pixels[] = [];

  /** Notes pixels that were handed out: only those can come back, and once. */
  give(pixels: Pixels): void {
    this.#given.add(pixels);
  }

  /** Takes pixels back; others than those handed out are left alone. */
  takeBack(pixels: Pixels): void {
    if (!this.#given.delete(pixels)) return;
    this.#returned.push(pixels);
    if (this.#returned.length > MOST) this.#returned.shift();
  }

  /** Memory of just that length, if any came back. Its content is old. */
  reuse(length: number): Pixels | undefined {
    const at = this.#returned.findIndex((pixels) => pixels.length === length);
    return at < 0 ? undefined : this.#returned.splice(at, 1)[0];
  }
}
