import type { Value } from '@diptych/graph';
import type { Executable } from './executable.js';

/** A cached program: what it was built for. */
export interface CachedExecutable {
  executable: Executable;
  /** Estimate of the memory that it holds. */
  bytes: number;
  /** Position of each of its leaves among the inputs of the program it was built from. */
  indices: ReadonlyMap<Value, number>;
  /** Scalars at the time of building; null for other inputs. */
  scalars: readonly (number | null)[];
  /** Scalars that are inputs because they changed. */
  changing: ReadonlySet<number>;
}

/** Executables by structure, bounded by bytes: the least recently used are released first. */
export class SessionCache {
  readonly #entries = new Map<string, CachedExecutable>();
  #bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): CachedExecutable | undefined {
    const found = this.#entries.get(key);
    if (found) {
      // A Map keeps insertion order: the newest use goes to the end.
      this.#entries.delete(key);
      this.#entries.set(key, found);
    }
    return found;
  }

  set(key: string, entry: CachedExecutable): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.maxBytes || this.#entries.size === 1) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    entry.executable.dispose();
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key);
  }
}
