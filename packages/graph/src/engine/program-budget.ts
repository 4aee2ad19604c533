/** Something that holds built programs: sessions, executables. */
export interface ProgramHolder {
  /** Estimate of the memory that it holds at present. */
  readonly bytes: number;
  /** Frees them; whoever uses the holder builds them anew. */
  dispose(): void;
}

/**
 * Bounds the memory of all built programs, of eager work and of compiled functions: those that were not used for longest are
 * released first. What was used last stays, however large it is.
 */
export class ProgramBudget {
  /** Holders with their bytes as last counted. A Map keeps insertion order, so the newest use is at the end. */
  readonly #held = new Map<ProgramHolder, number>();
  #bytes = 0;

  constructor(private readonly maxBytes: number) {}

  /** Number of holders. */
  get size(): number {
    return this.#held.size;
  }

  /** Estimate of what all of them hold. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Call before each use: counts the holder as the newest, and releases old ones if that is too much. */
  use(holder: ProgramHolder): void {
    const { bytes } = holder;
    this.#bytes += bytes - (this.#held.get(holder) ?? 0);
    this.#held.delete(holder);
    this.#held.set(holder, bytes);
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.maxBytes || oldest === holder) break;
      this.release(oldest);
    }
  }

  /** Frees what a holder holds and forgets it. */
  release(holder: ProgramHolder): void {
    this.#bytes -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
    holder.dispose();
  }

  /** Releases all. */
  clear(): void {
    for (const holder of [...this.#held.keys()]) this.release(holder);
  }
}

/** A part of the machine's memory, or of what its container may use: 1 GiB at least. */
export function defaultProgramBytes(memory: number): number {
  return Math.max(2 ** 30, memory / 4);
}
