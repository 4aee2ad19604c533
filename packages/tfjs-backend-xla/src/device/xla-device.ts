import { isDiptychError } from '@diptych/core';
import { type NumericData, Value } from '@diptych/graph';
import type { ArraySpec, Buffer, LoadedExecutable, XlaFlag } from '@diptych/pjrt';
import type { DataType } from '@tensorflow/tfjs-core';
import type { Platform } from '../lowering/index.js';
import { type ArrayCount, DeviceArray } from './device-array.js';
import type { OpenedDevice } from './open-device.js';
import type { ProgramStore } from './program-store.js';

/** How programs came to be: what the compiler and the disk did. */
export interface CompilerCounters {
  /** Programs that XLA compiled, and the seconds that took. */
  compiled: number;
  compileSeconds: number;
  /** Programs that came from disk. */
  loaded: number;
  /** Programs that went to disk. */
  stored: number;
  /** Why none goes there, where the plugin cannot. */
  notStored: string | null;
}

const DTYPES: Readonly<Partial<Record<DataType, ArraySpec['dtype'] & ('f32' | 's32' | 'pred')>>> = {
  float32: 'f32',
  int32: 's32',
  bool: 'pred',
};

/** One device: arrays go there, and programs are compiled for it. */
export class XlaDevice {
  readonly platform: Platform;
  readonly arrays: ArrayCount = { arrays: 0, bytes: 0 };
  readonly compiler: CompilerCounters = {
    compiled: 0,
    compileSeconds: 0,
    loaded: 0,
    stored: 0,
    notStored: null,
  };
  /** Bytes that went to the device and came back. */
  readonly transfers = { uploaded: 0 };
  readonly #reads = new Set<Promise<unknown>>();
  #opened: OpenedDevice | null;

  /** @param open opens the device: at once, and again when it is used after `dispose`, as tfjs may use a backend */
  constructor(
    private readonly open: () => OpenedDevice,
    private readonly store: ProgramStore | null,
  ) {
    this.#opened = open();
    this.platform = this.#opened.platform;
    if (!store) this.compiler.notStored = 'the option cache is false';
  }

  get #device(): OpenedDevice {
    this.#opened ??= this.open();
    return this.#opened;
  }

  /** The array of a leaf with elements: the one that it has, or one that is made of its data and stays with it. */
  arrayOf(value: Value): DeviceArray {
    value.device ??= this.upload(value.data as NumericData, value.shape, value.dtype);
    return value.device as DeviceArray;
  }

  upload(data: NumericData, shape: readonly number[], dtype: DataType): DeviceArray {
    this.transfers.uploaded += data.byteLength;
    const { client, device } = this.#device;
    return this.own(client.upload(data, shape, { dtype: DTYPES[dtype]!, device }));
  }

  /** An array that a program gave. */
  own(buffer: Buffer): DeviceArray {
    return new DeviceArray(buffer, this.arrays, this.#reads);
  }

  /**
   * A program ready to run: from disk where it was compiled before, else compiled now.
   *
   * @throws PjrtError what the compiler says
   */
  compile(text: string, flags: Readonly<Record<string, XlaFlag>>): LoadedExecutable {
    const key = this.store?.key(text, JSON.stringify(flags), this.#device.identity);
    const stored = key === undefined ? undefined : this.#load(key);
    if (stored) return stored;
    const start = performance.now();
    const { client, device } = this.#device;
    const executable = client.compileSync(text, { flags, devices: [device.id] });
    this.compiler.compiled++;
    this.compiler.compileSeconds += (performance.now() - start) / 1000;
    // the run goes on meanwhile; what is not written is compiled again
    if (key !== undefined) void this.#keep(key, executable);
    return executable;
  }

  #load(key: string): LoadedExecutable | undefined {
    const bytes = this.store!.read(key);
    if (!bytes) return undefined;
    try {
      const executable = this.#device.client.loadSync(bytes);
      this.compiler.loaded++;
      return executable;
    } catch (error) {
      if (!isDiptychError(error)) throw error;
      this.store!.remove(key);
      return undefined;
    }
  }

  async #keep(key: string, executable: LoadedExecutable): Promise<void> {
    if (this.compiler.notStored !== null) return;
    try {
      if (await this.store!.write(key, executable.serialize())) this.compiler.stored++;
      else this.compiler.notStored = `${this.store!.folder} cannot be written`;
    } catch (error) {
      if (!isDiptychError(error)) throw error;
      this.compiler.notStored = error.message;
    }
  }

  /** Frees the devices with all that lies there, once what is being read has come. */
  dispose(): void {
    const client = this.#opened?.client;
    this.#opened = null;
    if (this.#reads.size === 0) client?.dispose();
    else void Promise.allSettled(this.#reads).then(() => client?.dispose());
  }
}

/** A leaf with the elements of another one: the same array on the device, the same data in memory. */
export function sharing(value: Value): Value {
  const device = value.device as DeviceArray | null;
  if (value.isOnDeviceAlone) return Value.onDevice(device!.share(), value.shape, value.dtype);
  const copy = Value.leaf(value.data!, value.shape, value.dtype);
  if (device) copy.device = device.share();
  return copy;
}
