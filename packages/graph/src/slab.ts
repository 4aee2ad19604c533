/** Tensors of these sizes go into slabs: smaller ones are cheap anywhere, larger ones get pages of their own anyway. */
const [SMALLEST, LARGEST] = [2 ** 16, 2 ** 24];
const SLAB_BYTES = 2 ** 26;

/**
 * Copies arrays into buffers of 64 MiB that they share.
 *
 * The C library puts arrays of some megabytes into a heap that does not shrink: the first weights of a model, which
 * training moves elsewhere, would stay as a hole of their size (2 GiB for ResNet-50 and BERT). A slab has pages of its
 * own, which go back to the system when nothing in it is used any more.
 */
export class SlabAllocator {
  readonly #onOpen: (slab: ArrayBuffer) => void;
  #slab: ArrayBuffer | null = null;
  #used = 0;

  /** @param onOpen gets each new slab */
  constructor(onOpen: (slab: ArrayBuffer) => void) {
    this.#onOpen = onOpen;
  }

  /** A copy of `data` in a slab, or null if it is too small or too large for one. */
  copy<T extends Float32Array | Int32Array>(data: T): T | null {
    const { byteLength } = data;
    if (byteLength < SMALLEST || byteLength > LARGEST) return null;
    if (!this.#slab || this.#used + byteLength > SLAB_BYTES) {
      this.#slab = new ArrayBuffer(SLAB_BYTES);
      this.#onOpen(this.#slab);
      this.#used = 0;
    }
    const type = data.constructor as new (buffer: ArrayBuffer, offset: number, length: number) => T;
    const copy = new type(this.#slab, this.#used, data.length);
    copy.set(data as never);
    this.#used += Math.ceil(byteLength / 64) * 64;
    return copy;
  }
}
