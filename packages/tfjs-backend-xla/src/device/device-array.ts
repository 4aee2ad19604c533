import type { DeviceData, NumericData } from '@diptych/graph';
import type { Buffer } from '@diptych/pjrt';

/** Live arrays of a device, to be counted. */
export interface ArrayCount {
  arrays: number;
  bytes: number;
}

/** The elements of a tensor in a device's memory; freed when the last of those who share them lets go. */
export class DeviceArray implements DeviceData {
  #holders = 1;
  readonly #bytes: number;

  constructor(
    readonly buffer: Buffer,
    private readonly count: ArrayCount,
    /** What is being read, which a client has to wait for before it ends. */
    private readonly reads: Set<Promise<unknown>>,
  ) {
    this.#bytes = buffer.size * (buffer.dtype === 'pred' ? 1 : 4);
    count.arrays++;
    count.bytes += this.#bytes;
  }

  /** True where others hold the same elements, so that nothing may be written over them. */
  get isShared(): boolean {
    return this.#holders > 1;
  }

  /** One holder more, who disposes as the first does. */
  share(): this {
    this.#holders++;
    return this;
  }

  /** Copies the elements, once they are computed, and stands still until then. */
  read(): NumericData {
    return this.buffer.readSync() as NumericData;
  }

  /** The same while the event loop goes on. */
  async readLater(): Promise<NumericData> {
    const read = this.buffer.read();
    this.reads.add(read);
    try {
      return (await read) as NumericData;
    } finally {
      this.reads.delete(read);
    }
  }

  dispose(): void {
    if (--this.#holders > 0) return;
    this.count.arrays--;
    this.count.bytes -= this.#bytes;
    // a donated one is gone already
    this.buffer.dispose();
  }
}
