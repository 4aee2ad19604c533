import { EngineError, ShapeError } from '@diptych/core';
import type { Device } from './device.js';
import { type ArraySpec, type Dtype, dtypeFacts, type HostArray, sizeOf, specText } from './dtypes.js';
import { Event } from './event.js';
import { collectWith, DISPOSED, DONATED, Handle } from './native/handle.js';
import type { Runtime } from './native/runtime.js';
import type { Struct } from './native/struct.js';

/** Where what is read of a buffer goes. */
export interface ReadOptions {
  /** An array of the buffer's dtype and size to fill, in place of a new one. Leave it alone until the read has ended. */
  readonly into?: HostArray;
}

/** An array in a device's memory. Its values may still be under way: whoever uses it waits by itself. */
export class Buffer implements ArraySpec {
  readonly dtype: Dtype | 'other';
  readonly shape: readonly number[];
  readonly device: Device;
  readonly #runtime: Runtime;
  readonly #handle: Handle;

  /** @internal */
  constructor(runtime: Runtime, pointer: bigint, { dtype, shape }: ArraySpec, device: Device) {
    const { api, handle: owner } = runtime;
    this.#runtime = runtime;
    this.dtype = dtype;
    this.shape = shape;
    this.device = device;
    const args = () => api.args('Buffer_Destroy').point('buffer', pointer);
    this.#handle = new Handle(api, 'buffer', pointer, 'Buffer_Destroy', args, owner);
    collectWith(this, this.#handle);
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** False once it was disposed or donated. */
  get isLive(): boolean {
    return this.#handle.isLive;
  }

  /** Bytes that it takes in the device's memory, padding included. */
  get bytesOnDevice(): number {
    const { api } = this.#runtime;
    const args = api.args('Buffer_OnDeviceSizeInBytes').point('buffer', this.#handle.pointer('pjrt.Buffer'));
    return api.call('pjrt.Buffer', 'Buffer_OnDeviceSizeInBytes', args).number('on_device_size_in_bytes');
  }

  /**
   * Resolves once the values are there, without reading them; the event loop goes on meanwhile.
   *
   * @throws PjrtError what became of the program that makes them
   * @throws EngineError if the buffer was disposed or donated
   */
  async ready(): Promise<void> {
    await this.readyEvent().wait();
  }

  /** The event of {@link ready}. */
  readyEvent(): Event {
    const where = 'pjrt.Buffer.ready';
    const { api } = this.#runtime;
    const args = api.args('Buffer_ReadyEvent').point('buffer', this.#handle.pointer(where));
    return new Event(this.#runtime, where, api.call(where, 'Buffer_ReadyEvent', args).pointer('event'));
  }

  /**
   * The values, row-major; the event loop goes on while they are made and copied. 16-bit floats come as their bits, complex
   * numbers as pairs.
   *
   * @throws PjrtError what became of the program that makes them
   * @throws EngineError if the buffer was disposed or donated
   * @throws ShapeError if `into` has another type or size
   * @throws ConfigError for a dtype that the host has no arrays for
   */
  async read({ into }: ReadOptions = {}): Promise<HostArray> {
    // the frame of this function keeps the array from being collected while another thread fills it
    const { data, event } = this.#startRead(into);
    await event?.wait();
    return data;
  }

  /** The same, and the event loop stands still meanwhile. */
  readSync({ into }: ReadOptions = {}): HostArray {
    const { data, event } = this.#startRead(into);
    event?.waitSync();
    return data;
  }

  #startRead(into: HostArray | undefined): { data: HostArray; event?: Event } {
    const where = 'pjrt.Buffer.read';
    const src = this.#handle.pointer(where);
    const data = this.#destination(where, into);
    // there is nothing to copy, and plugins crash on it
    if (this.size === 0) return { data };
    const { api } = this.#runtime;
    const args = api
      .args('Buffer_ToHostBuffer')
      .point('src', src)
      .point('dst', data)
      .count('dst_size', data.byteLength);
    args.point('host_layout', this.#rowMajor());
    const event = api.call(where, 'Buffer_ToHostBuffer', args).pointer('event');
    return { data, event: new Event(this.#runtime, where, event) };
  }

  #destination(where: string, into: HostArray | undefined): HostArray {
    const { array: HostArrayOfDtype, parts = 1 } = dtypeFacts(where, this.dtype);
    const length = this.size * parts;
    if (into === undefined) return new HostArrayOfDtype(length);
    if (into instanceof HostArrayOfDtype && into.length === length) return into;
    throw new ShapeError({
      where,
      expected: `${HostArrayOfDtype.name} of ${length} elements for ${specText(this)}`,
      got: `${(into as object)?.constructor?.name ?? typeof into} of ${(into as HostArray)?.length}`,
      remedy: 'leave `into` out: read() makes an array',
    });
  }

  /** Without a layout the device's own is copied, which a TPU tiles. */
  #rowMajor(): Struct {
    const { api } = this.#runtime;
    // an address of no elements is an address all the same
    const order = BigInt64Array.from({ length: Math.max(1, this.shape.length) }, (_, axis) =>
      BigInt(this.shape.length - 1 - axis),
    );
    return api.memoryLayout(order, this.shape.length);
  }

  /** Frees the device's memory once what uses it has ended. Disposing twice does nothing. */
  dispose(): void {
    this.#handle.end(DISPOSED);
  }

  /** @internal What C calls it by. */
  pointer(where: string): bigint {
    return this.#handle.pointer(where);
  }

  /** @internal An execution has taken its memory. */
  donate(): void {
    this.#handle.end(DONATED);
  }

  /** @internal @throws EngineError for a buffer of another client, which C takes for its own */
  checkClient(where: string, runtime: Runtime): void {
    if (this.#runtime === runtime) return;
    const expected = 'buffers of the client that the program was compiled for';
    throw new EngineError({ where, expected, got: 'one of another client', remedy: 'upload it there' });
  }
}
