import { EngineError } from '@diptych/core';
import { API_VERSION, SLOTS } from '../layout/pjrt-layout.js';
import { PjrtError } from '../pjrt-error.js';
import { functionAt, loadApi, type NativeFunction } from './library.js';
import { copyOf } from './memory.js';
import { Struct, type StructName } from './struct.js';

export type Slot = Exclude<keyof typeof SLOTS, 'struct_size' | 'pjrt_api_version'>;

/** Room for fields of versions to come: no struct has grown by more in one year. */
const SPARE = 128;

/** The functions of one loaded plugin. */
export class Api {
  readonly path: string;
  readonly version: { readonly major: number; readonly minor: number };
  readonly #functions = new Map<Slot, NativeFunction>();
  readonly #spare: number;

  /**
   * @throws EngineError if the library cannot be loaded, is no plugin, or speaks another major version
   */
  constructor(path: string) {
    this.path = path;
    const address = this.#load();
    // A plugin's table ends where its own version ends: slots behind that are not there.
    const head = new DataView(copyOf(address, SLOTS.pjrt_api_version + 24).buffer);
    const size = Number(head.getBigUint64(SLOTS.struct_size, true));
    const version = SLOTS.pjrt_api_version + 16;
    this.version = { major: head.getInt32(version, true), minor: head.getInt32(version + 4, true) };
    const [major, minor] = API_VERSION;
    if (this.version.major !== major) {
      throw new EngineError({
        where: path,
        expected: `a plugin of PJRT API ${major}.x`,
        got: `${this.version.major}.${this.version.minor}`,
        remedy: 'use a plugin of a version that this package knows',
      });
    }
    this.#spare = this.version.minor > minor ? SPARE : 0;
    const table = new DataView(copyOf(address, size).buffer);
    for (const [slot, offset] of Object.entries(SLOTS)) {
      if (slot === 'struct_size' || slot === 'pjrt_api_version' || offset + 8 > size) continue;
      const pointer = table.getBigUint64(offset, true);
      if (pointer !== 0n) this.#functions.set(slot as Slot, functionAt(pointer));
    }
  }

  #load(): bigint {
    try {
      return loadApi(this.path);
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      const remedy = 'run `npx diptych-pjrt doctor`: it says which library is missing';
      throw new EngineError({ where: this.path, problem: `cannot be loaded: ${problem}`, remedy }, { cause });
    }
  }

  has(slot: Slot): boolean {
    return this.#functions.has(slot);
  }

  /** Zeroed memory of a struct, as large as the plugin wants it. */
  struct<Name extends StructName>(name: Name): Struct<Name> {
    return new Struct(name, this.#spare);
  }

  /** The struct of a function's arguments. */
  args<Name extends Slot>(slot: Name): Struct<`${Name}_Args`> {
    return new Struct(`${slot}_Args`, this.#spare);
  }

  /** A `PJRT_Buffer_MemoryLayout` without tiles, by the order of axes from the fastest on. */
  memoryLayout(minorToMajor: BigInt64Array, rank: number): Struct {
    const layout = this.struct('Buffer_MemoryLayout');
    return layout.embed(
      'tiled',
      this.struct('Buffer_MemoryLayout_Tiled').point('minor_to_major', minorToMajor).count('minor_to_major_size', rank),
    );
  }

  /**
   * Calls a function of the plugin.
   *
   * @param where what a failure is told of
   * @returns the struct, with what the function wrote there
   * @throws PjrtError what the plugin answers
   */
  call<Args extends Struct>(where: string, slot: Slot, args: Args): Args {
    const error = this.functionOf(where, slot)(args.address);
    if (error !== null) throw this.errorOf(where, error);
    return args;
  }

  /** The same on a thread of libuv's pool; `args` is kept until it is done. */
  callAsync<Args extends Struct>(where: string, slot: Slot, args: Args): Promise<Args> {
    const called = this.functionOf(where, slot);
    return new Promise((resolve, reject) => {
      called.async(args.address, (failure, error) => {
        if (failure) reject(failure);
        else if (error !== null) reject(this.errorOf(where, error));
        else resolve(args);
      });
    });
  }

  /**
   * A function of the plugin, for calls that cannot afford the way round.
   *
   * @throws PjrtError UNIMPLEMENTED where the plugin is older than the function
   */
  functionOf(where: string, slot: Slot): NativeFunction {
    const found = this.#functions.get(slot);
    if (found) return found;
    const { major, minor } = this.version;
    throw new PjrtError(where, 12, `the plugin (PJRT API ${major}.${minor}) has no PJRT_${slot}`);
  }

  /** Reads an error of the plugin, and frees it. */
  errorOf(where: string, error: bigint): PjrtError {
    const message = this.args('Error_Message').point('error', error);
    this.functionOf(where, 'Error_Message')(message.address);
    const text = message.text('message', 'message_size');
    const code = this.args('Error_GetCode').point('error', error);
    this.functionOf(where, 'Error_GetCode')(code.address);
    this.functionOf(where, 'Error_Destroy')(this.args('Error_Destroy').point('error', error).address);
    return new PjrtError(where, code.int32('code'), text);
  }
}
