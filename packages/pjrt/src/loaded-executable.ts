import { ConfigError, EngineError, ShapeError } from '@diptych/core';
import { Buffer } from './buffer.js';
import type { Device } from './device.js';
import { specText } from './dtypes.js';
import { Event } from './event.js';
import { Executable } from './executable.js';
import { collectWith, DISPOSED, Handle } from './native/handle.js';
import type { NativeFunction } from './native/library.js';
import { addressOf, pointersAt } from './native/memory.js';
import type { Runtime } from './native/runtime.js';
import type { Struct } from './native/struct.js';
import type { InputSpec } from './program-signature.js';

/** How a program is run once. */
export interface ExecuteOptions {
  /** Places of donated arguments that stay usable this time: the program copies them. */
  readonly keep?: readonly number[];
}

/** One run of a program, on all of its devices. */
export interface Execution {
  /** The outputs of each device. */
  readonly outputs: Buffer[][];
  /** When each device has ended, well or with an error; for programs without outputs too. */
  readonly done: Event[];
}

/** A compiled program on the devices of a client, ready to run. */
export class LoadedExecutable extends Executable {
  /** The devices that it runs on, replica by replica. */
  readonly devices: readonly Device[];
  readonly #runtime: Runtime;
  readonly #handle: Handle;
  readonly #execute: NativeFunction;
  readonly #args: Struct<'LoadedExecutable_Execute_Args'>;
  readonly #options: Struct<'ExecuteOptions'>;
  readonly #outputs: readonly BigUint64Array[];
  readonly #events: BigUint64Array;
  #arguments: readonly BigUint64Array[] = [];
  #signature: readonly InputSpec[] | undefined;
  #donated: readonly number[] = [];
  #isKnown = false;

  /** @internal */
  constructor(runtime: Runtime, pointer: bigint, known: readonly Device[]) {
    const { api, handle: owner } = runtime;
    const slot = 'LoadedExecutable_Destroy';
    const handle = new Handle(
      api,
      'executable',
      pointer,
      slot,
      () => api.args(slot).point('executable', pointer),
      owner,
    );
    const got = api.args('LoadedExecutable_GetExecutable').point('loaded_executable', pointer);
    super(api, api.call(WHERE, 'LoadedExecutable_GetExecutable', got).pointer('executable'), handle);
    this.#runtime = runtime;
    this.#handle = handle;
    collectWith(this, handle);
    const listed = api.args('LoadedExecutable_AddressableDevices').point('executable', pointer);
    api.call(WHERE, 'LoadedExecutable_AddressableDevices', listed);
    const devices = pointersAt(listed.pointer('addressable_devices'), listed.number('num_addressable_devices'));
    this.devices = devices.map((device) => known.find((one) => one.pointer === device)!);
    // What each run fills in again: a call costs microseconds because nothing is allocated for it but its outputs.
    this.#execute = api.functionOf(WHERE, 'LoadedExecutable_Execute');
    this.#outputs = devices.map(() => new BigUint64Array(Math.max(1, this.outputs.length)));
    this.#events = new BigUint64Array(devices.length);
    this.#options = api.struct('ExecuteOptions');
    this.#args = api.args('LoadedExecutable_Execute').point('executable', pointer).point('options', this.#options);
    this.#args
      .point('output_lists', BigUint64Array.from(this.#outputs, addressOf))
      .count('num_devices', devices.length);
  }

  /**
   * Enqueues the program on its one device, and returns at once: outputs are there before their values are. Arguments that
   * the program donates are gone afterwards.
   *
   * @typeParam Outputs what the caller knows of their number: `execute<[Buffer, Buffer]>(args)`
   * @throws ShapeError for arguments of another number, dtype or shape than the program's
   * @throws EngineError for arguments that were disposed or donated, or lie on another device
   * @throws PjrtError what the plugin finds wrong at once; what fails later is told by the outputs
   */
  execute<Outputs extends readonly Buffer[] = Buffer[]>(args: readonly Buffer[], options?: ExecuteOptions): Outputs {
    if (this.devices.length !== 1) {
      const got = 'execute() of one device';
      throw new ConfigError({
        where: WHERE,
        expected: `arguments of ${this.devices.length} devices`,
        got,
        remedy: 'call launch([…, …])',
      });
    }
    // as many as the program has, which is the caller's to know
    return this.#run([args], options, false).outputs[0]! as readonly Buffer[] as Outputs;
  }

  /**
   * Enqueues the program on all of its devices, and returns at once.
   *
   * @param args arguments of each device, as `devices` lists them
   * @throws as {@link execute}
   */
  launch(args: readonly (readonly Buffer[])[], options?: ExecuteOptions): Execution {
    if (args.length !== this.devices.length) {
      const expected = `arguments of ${this.devices.length} devices`;
      throw new ShapeError({ where: WHERE, expected, got: `of ${args.length}`, remedy: 'give one list a device' });
    }
    return this.#run(args, options, true);
  }

  #run(lists: readonly (readonly Buffer[])[], options: ExecuteOptions | undefined, wantsEvents: boolean): Execution {
    this.#handle.pointer(WHERE);
    const kept = this.#keep(options?.keep);
    lists.forEach((args, index) => {
      this.#fill(args, index, lists[0]!.length, kept);
    });
    this.#events.fill(0n);
    this.#args.point('device_complete_events', wantsEvents ? this.#events : 0n);
    const error = this.#execute(this.#args.address);
    this.#donate(lists, kept, error !== null);
    if (error !== null) throw this.api.errorOf(WHERE, error);
    const done = wantsEvents ? Array.from(this.#events, (event) => new Event(this.#runtime, WHERE, event)) : [];
    const outputs = this.devices.map((device, index) => {
      const pointers = this.#outputs[index]!;
      return this.outputs.map((spec, output) => new Buffer(this.#runtime, pointers[output]!, spec, device));
    });
    return { outputs, done };
  }

  /** What the program takes, read once. */
  #inputs(): readonly InputSpec[] | undefined {
    if (!this.#isKnown) {
      this.#isKnown = true;
      this.#signature = this.inputs;
      this.#donated = (this.#signature ?? []).flatMap(({ isDonated }, index) => (isDonated ? [index] : []));
    }
    return this.#signature;
  }

  #keep(keep: readonly number[] | undefined): ReadonlySet<number> {
    const inputs = this.#inputs();
    if (keep === undefined || keep.length === 0) {
      this.#options.count('num_non_donatable_input_indices', 0);
      return NOTHING;
    }
    for (const index of keep) {
      if (Number.isInteger(index) && index >= 0 && (!inputs || index < inputs.length)) continue;
      const expected = `keep to hold places of arguments, 0 to ${(inputs?.length ?? 0) - 1}`;
      throw new ConfigError({ where: WHERE, expected, got: String(index) });
    }
    const indices = BigInt64Array.from(keep, BigInt);
    this.#options.list('non_donatable_input_indices', 'num_non_donatable_input_indices', indices);
    return new Set(keep);
  }

  /** Checks the arguments of one device, and writes where they lie. */
  #fill(args: readonly Buffer[], device: number, count: number, kept: ReadonlySet<number>): void {
    const inputs = this.#signature;
    if (args.length !== (inputs?.length ?? count)) throw this.#wrongCount(args.length, inputs?.length ?? count);
    if (this.#arguments[0]?.length !== Math.max(1, args.length)) this.#makeRoom(args.length);
    const pointers = this.#arguments[device]!;
    for (let index = 0; index < args.length; index++) {
      const arg = args[index]!;
      const input = inputs?.[index];
      if (!(arg instanceof Buffer)) throw this.#noBuffer(arg, index);
      if (input && (arg.dtype !== input.dtype || !isSame(arg.shape, input.shape)))
        throw this.#wrongSpec(arg, input, index);
      if (arg.device !== this.devices[device]) this.#refuseDevice(arg, device, index);
      pointers[index] = arg.pointer(WHERE);
    }
    const isTwice = this.#donated.length > kept.size && new Set(args).size !== args.length;
    if (isTwice) this.#refuseTwice(args, kept);
  }

  #makeRoom(count: number): void {
    this.#arguments = this.devices.map(() => new BigUint64Array(Math.max(1, count)));
    this.#args.point('argument_lists', BigUint64Array.from(this.#arguments, addressOf)).count('num_args', count);
  }

  /** Ends what the program took over; after a failure, what it took over in spite of it. */
  #donate(lists: readonly (readonly Buffer[])[], kept: ReadonlySet<number>, hasFailed: boolean): void {
    for (const args of lists) {
      for (const index of this.#donated) {
        const arg = args[index]!;
        if (!kept.has(index) && (!hasFailed || this.#isTaken(arg))) arg.donate();
      }
    }
  }

  #isTaken(buffer: Buffer): boolean {
    const args = this.api.args('Buffer_IsDeleted').point('buffer', buffer.pointer(WHERE));
    return this.api.call(WHERE, 'Buffer_IsDeleted', args).bool('is_deleted');
  }

  #wrongCount(got: number, expected: number): ShapeError {
    return new ShapeError({ where: `${WHERE} of ${this.name}`, expected: `${expected} arguments`, got: String(got) });
  }

  #noBuffer(arg: unknown, index: number): ConfigError {
    const got = arg === null ? 'null' : typeof arg;
    const where = `${WHERE} of ${this.name}`;
    return new ConfigError({
      where,
      expected: `argument ${index} to be a buffer`,
      got,
      remedy: 'upload it: client.upload(data, shape)',
    });
  }

  #wrongSpec(arg: Buffer, input: InputSpec, index: number): ShapeError {
    const where = `${WHERE} of ${this.name}`;
    return new ShapeError({ where, expected: `argument ${index} to be ${specText(input)}`, got: specText(arg) });
  }

  #refuseDevice(arg: Buffer, device: number, index: number): void {
    arg.checkClient(WHERE, this.#runtime);
    throw new EngineError({
      where: `${WHERE} of ${this.name}`,
      expected: `argument ${index} on ${this.devices[device]!.description}`,
      got: `one on ${arg.device.description}`,
      remedy: 'upload it there: client.upload(data, shape, { device })',
    });
  }

  /** @throws EngineError where a donated argument is another one as well */
  #refuseTwice(args: readonly Buffer[], kept: ReadonlySet<number>): void {
    for (const index of this.#donated) {
      const other = args.findIndex((arg, place) => arg === args[index] && place !== index);
      if (other < 0 || kept.has(index)) continue;
      throw new EngineError({
        where: `${WHERE} of ${this.name}`,
        expected: `argument ${index}, which the program donates, to be no other one`,
        got: `the buffer of argument ${other}`,
        remedy: `keep it this time: execute(args, { keep: [${index}] })`,
      });
    }
  }

  /** Frees it; runs that are under way go on. Disposing twice does nothing. */
  override dispose(): void {
    this.#handle.end(DISPOSED);
  }
}

const WHERE = 'pjrt.LoadedExecutable.execute';
const NOTHING: ReadonlySet<number> = new Set();

function isSame(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
