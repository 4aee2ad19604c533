import { ConfigError, checkOptions, EngineError, type OptionNames, ShapeError } from '@diptych/core';
import { Buffer } from './buffer.js';
import { type CompileOptions, encodeCompileOptions } from './compile-options.js';
import { Device } from './device.js';
import { type Dtype, dtypeFacts, dtypeOfArray, type HostArray, sizeOf, specText } from './dtypes.js';
import { Event } from './event.js';
import { LoadedExecutable } from './loaded-executable.js';
import type { Api } from './native/api.js';
import { collectWith, Handle } from './native/handle.js';
import { pointersAt } from './native/memory.js';
import { Runtime } from './native/runtime.js';
import { programStruct } from './program.js';

/** How an array goes to a device. */
export interface UploadOptions {
  /** Needed for `pred`, `f16`, `bf16`, `c64` and `c128`. Default: the array's own, `u8` for `Uint8Array`. */
  readonly dtype?: Dtype;
  /** Default: the client's first one. */
  readonly device?: Device;
  /**
   * The array stays as it is until `ready()` of the buffer, so that the device may read it while the program goes on,
   * without a copy of it before. Default false: it may change at once.
   */
  readonly lend?: boolean;
}

const UPLOAD_OPTIONS: OptionNames<UploadOptions> = { dtype: 'optional', device: 'optional', lend: 'optional' };

/** `PJRT_HostBufferSemantics_kImmutableOnlyDuringCall`: the array may change once the call has returned. */
const ONLY_DURING_CALL = 0;
/** `PJRT_HostBufferSemantics_kImmutableUntilTransferCompletes`: it may not, until the plugin has said so. */
const UNTIL_TRANSFERRED = 1;

/** The devices of one plugin, with what was uploaded and compiled for them. */
export class Client {
  /** `cpu`, `cuda`, `tpu`. */
  readonly platform: string;
  readonly platformVersion: string;
  /** The devices that this process can use. */
  readonly devices: readonly Device[];
  readonly #runtime: Runtime;

  /** @internal */
  constructor(api: Api, pointer: bigint) {
    const args = () => api.args('Client_Destroy').point('client', pointer);
    const handle = new Handle(api, 'client', pointer, 'Client_Destroy', args);
    this.#runtime = new Runtime(api, handle);
    collectWith(this, handle);
    const platform = api.args('Client_PlatformName').point('client', pointer);
    api.call(WHERE, 'Client_PlatformName', platform);
    this.platform = platform.text('platform_name', 'platform_name_size');
    const version = api.args('Client_PlatformVersion').point('client', pointer);
    api.call(WHERE, 'Client_PlatformVersion', version);
    this.platformVersion = version.text('platform_version', 'platform_version_size');
    const devices = api.args('Client_AddressableDevices').point('client', pointer);
    api.call(WHERE, 'Client_AddressableDevices', devices);
    const count = devices.number('num_addressable_devices');
    this.devices = pointersAt(devices.pointer('addressable_devices'), count).map(
      (one) => new Device(this.#runtime, one),
    );
  }

  /**
   * Compiles a program on another thread.
   *
   * @param program StableHLO, as text or as MLIR bytecode
   * @throws PjrtError what the compiler says
   * @throws ConfigError for options that are unknown or contradict each other
   */
  async compile(program: string | Uint8Array, options?: CompileOptions): Promise<LoadedExecutable> {
    const where = 'pjrt.Client.compile';
    const args = this.#compileArgs(where, program, options);
    await this.#runtime.during(this.#runtime.api.callAsync(where, 'Client_Compile', args));
    return new LoadedExecutable(this.#runtime, args.pointer('executable'), this.devices);
  }

  /** The same, and the event loop stands still meanwhile. */
  compileSync(program: string | Uint8Array, options?: CompileOptions): LoadedExecutable {
    const where = 'pjrt.Client.compileSync';
    const args = this.#compileArgs(where, program, options);
    this.#runtime.api.call(where, 'Client_Compile', args);
    return new LoadedExecutable(this.#runtime, args.pointer('executable'), this.devices);
  }

  #compileArgs(where: string, program: string | Uint8Array, options: CompileOptions | undefined) {
    const { api, handle } = this.#runtime;
    const encoded = encodeCompileOptions(where, options);
    this.#checkDevices(where, options?.devices);
    const args = api.args('Client_Compile').point('client', handle.pointer(where));
    args.point('program', programStruct(api, where, program));
    return args.list('compile_options', 'compile_options_size', encoded);
  }

  #checkDevices(where: string, ids: readonly number[] | undefined): void {
    const unknown = ids?.find((id) => !this.devices.some((device) => device.id === id));
    if (unknown === undefined) return;
    const known = this.devices.map(({ id }) => id).join(', ');
    throw new ConfigError({ where, expected: `ids of the client's devices (${known})`, got: String(unknown) });
  }

  /**
   * Loads a program that `serialize` of an executable gave, on another thread.
   *
   * @throws PjrtError if it is of another plugin, version or kind of device
   */
  async load(serialized: Uint8Array): Promise<LoadedExecutable> {
    const where = 'pjrt.Client.load';
    const args = this.#loadArgs(where, serialized);
    await this.#runtime.during(this.#runtime.api.callAsync(where, 'Executable_DeserializeAndLoad', args));
    return new LoadedExecutable(this.#runtime, args.pointer('loaded_executable'), this.devices);
  }

  /** The same, and the event loop stands still meanwhile. */
  loadSync(serialized: Uint8Array): LoadedExecutable {
    const where = 'pjrt.Client.loadSync';
    const args = this.#loadArgs(where, serialized);
    this.#runtime.api.call(where, 'Executable_DeserializeAndLoad', args);
    return new LoadedExecutable(this.#runtime, args.pointer('loaded_executable'), this.devices);
  }

  #loadArgs(where: string, serialized: Uint8Array) {
    const { api, handle } = this.#runtime;
    if (!(serialized instanceof Uint8Array) || serialized.length === 0) {
      const remedy = 'give what serialize() of an executable gave';
      throw new ConfigError({ where, expected: 'the bytes of a program', got: 'none', remedy });
    }
    const args = api.args('Executable_DeserializeAndLoad').point('client', handle.pointer(where));
    return args.list('serialized_executable', 'serialized_executable_size', serialized.slice());
  }

  /**
   * Copies an array to a device. The array may change once this has returned, unless it is lent.
   *
   * @param data row-major; 16-bit floats as their bits in a `Uint16Array`, complex numbers as pairs
   * @throws ShapeError if the array has not as many elements as the shape
   * @throws ConfigError for a dtype that the array is not of
   * @throws PjrtError RESOURCE_EXHAUSTED where the device is full
   */
  upload(data: HostArray, shape: readonly number[], options: UploadOptions = {}): Buffer {
    checkOptions('pjrt.Client.upload', options, UPLOAD_OPTIONS);
    const where = 'pjrt.Client.upload';
    const { api, handle } = this.#runtime;
    const dtype = options.dtype ?? dtypeOfArray(where, data);
    const { code } = checkData(where, data, shape, dtype);
    const device = this.#device(where, options.device);
    const args = api.args('Client_BufferFromHostBuffer').point('client', handle.pointer(where));
    // Of no elements there is an address all the same.
    args.point('data', data.length > 0 ? data : new Uint8Array(8)).int('type', code);
    args.point('dims', BigInt64Array.from(shape.length > 0 ? shape : [0], BigInt)).count('num_dims', shape.length);
    args
      .int('host_buffer_semantics', options.lend ? UNTIL_TRANSFERRED : ONLY_DURING_CALL)
      .point('device', device.pointer);
    api.call(where, 'Client_BufferFromHostBuffer', args);
    const done = args.pointer('done_with_host_buffer');
    if (done !== 0n) {
      const event = new Event(this.#runtime, where, done);
      if (options.lend) this.#runtime.transfers.add(event, data);
      else event.waitSync();
    }
    return new Buffer(this.#runtime, args.pointer('buffer'), { dtype, shape: [...shape] }, device);
  }

  #device(where: string, device: Device | undefined): Device {
    const [first] = this.devices;
    if (first === undefined) throw new EngineError({ where, problem: 'the client has no device in this process' });
    if (device === undefined || this.devices.includes(device)) return device ?? first;
    throw new ConfigError({
      where,
      expected: 'a device of this client',
      got: 'another one',
      remedy: 'take it from client.devices',
    });
  }

  /**
   * Frees the devices, and before them every buffer and program of this client. Disposing twice does nothing.
   *
   * @throws EngineError while something is being compiled, loaded or waited for
   */
  dispose(): void {
    this.#runtime.dispose();
  }
}

const WHERE = 'pjrt.Client';

function checkData(where: string, data: HostArray, shape: readonly number[], dtype: Dtype) {
  const facts = dtypeFacts(where, dtype);
  if (!(data instanceof facts.array)) {
    throw new ConfigError({
      where,
      expected: `${facts.array.name} for ${dtype}`,
      got: (data as object | null)?.constructor?.name ?? typeof data,
      remedy: 'name the dtype that the array is of',
    });
  }
  if (!Array.isArray(shape) || shape.some((side) => !Number.isSafeInteger(side) || side < 0)) {
    throw new ShapeError({ where, expected: 'a shape of whole numbers from 0 on', got: String(shape) });
  }
  const expected = sizeOf(shape) * (facts.parts ?? 1);
  if (data.length !== expected) {
    const spec = specText({ dtype, shape });
    throw new ShapeError({ where, expected: `${expected} elements for ${spec}`, got: String(data.length) });
  }
  return facts;
}
