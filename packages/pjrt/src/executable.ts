import { type ArraySpec, dtypeOfCode } from './dtypes.js';
import type { Api } from './native/api.js';
import { collectWith, DISPOSED, Handle } from './native/handle.js';
import { functionAt } from './native/library.js';
import { copyOf, integersAt } from './native/memory.js';
import { isPjrtError } from './pjrt-error.js';
import { type InputSpec, inputsOf } from './program-signature.js';

/** Bytes of one device that a program needs, as the compiler planned it. */
export interface CompiledMemory {
  readonly code: number;
  readonly inputs: number;
  readonly outputs: number;
  /** Of the outputs, what lies over donated inputs. */
  readonly aliased: number;
  readonly temporaries: number;
  /** The most at one time, code left out. Undefined where the plugin does not say. */
  readonly peak?: number;
}

/** A compiled program in the form that the plugin gives. */
export interface OptimizedProgram {
  /** `hlo`, `hlo_with_config`, `mlir`. */
  readonly format: string;
  readonly code: Uint8Array<ArrayBuffer>;
}

/** A program that XLA compiled, for devices that need not be there. */
export class Executable {
  readonly name: string;
  readonly replicas: number;
  readonly partitions: number;
  /** What the program gives on each device. */
  readonly outputs: readonly ArraySpec[];
  /** @internal */
  protected readonly api: Api;
  readonly #handle: Handle;
  #inputs: readonly InputSpec[] | undefined;
  #hasInputs = false;

  /** @internal @param owner what must not end before it */
  constructor(api: Api, pointer: bigint, owner?: Handle) {
    this.api = api;
    const args = () => api.args('Executable_Destroy').point('executable', pointer);
    this.#handle = new Handle(api, 'executable', pointer, 'Executable_Destroy', args, owner);
    if (!owner) collectWith(this, this.#handle);
    const name = api.call(WHERE, 'Executable_Name', api.args('Executable_Name').point('executable', pointer));
    this.name = name.text('executable_name', 'executable_name_size');
    const replicas = api.args('Executable_NumReplicas').point('executable', pointer);
    this.replicas = api.call(WHERE, 'Executable_NumReplicas', replicas).number('num_replicas');
    const partitions = api.args('Executable_NumPartitions').point('executable', pointer);
    this.partitions = api.call(WHERE, 'Executable_NumPartitions', partitions).number('num_partitions');
    this.outputs = this.#readOutputs(pointer);
  }

  #readOutputs(pointer: bigint): ArraySpec[] {
    const types = this.api.args('Executable_OutputElementTypes').point('executable', pointer);
    this.api.call(WHERE, 'Executable_OutputElementTypes', types);
    const count = types.number('num_output_types');
    const codes = new Int32Array(copyOf(types.pointer('output_types'), count * 4).buffer);
    const dims = this.api.args('Executable_OutputDimensions').point('executable', pointer);
    this.api.call(WHERE, 'Executable_OutputDimensions', dims);
    const ranks = integersAt(dims.pointer('dim_sizes'), count);
    const all = integersAt(
      dims.pointer('dims'),
      ranks.reduce((sum, rank) => sum + rank, 0),
    );
    return ranks.map((rank, index) => ({ dtype: dtypeOfCode(codes[index]!), shape: all.splice(0, rank) }));
  }

  /** What the program takes on each device. Undefined where the plugin gives no form of it that tells. */
  get inputs(): readonly InputSpec[] | undefined {
    if (!this.#hasInputs) {
      this.#hasInputs = true;
      try {
        const { format, code } = this.optimizedProgram();
        this.#inputs = inputsOf(format, code);
      } catch (error) {
        if (!isPjrtError(error)) throw error;
      }
    }
    return this.#inputs;
  }

  /**
   * What the compiler planned of a device's memory.
   *
   * @throws PjrtError UNIMPLEMENTED where the plugin does not say
   */
  memory(): CompiledMemory {
    const where = 'pjrt.Executable.memory';
    const args = this.api.args('Executable_GetCompiledMemoryStats').point('executable', this.#handle.pointer(where));
    this.api.call(where, 'Executable_GetCompiledMemoryStats', args);
    const peak = args.number('peak_memory_in_bytes');
    return {
      code: args.number('generated_code_size_in_bytes'),
      inputs: args.number('argument_size_in_bytes'),
      outputs: args.number('output_size_in_bytes'),
      aliased: args.number('alias_size_in_bytes'),
      temporaries: args.number('temp_size_in_bytes'),
      ...(peak > 0 && { peak }),
    };
  }

  /**
   * The program as it was compiled: fusions, calls of libraries and collectives as the compiler chose them.
   *
   * @throws PjrtError UNIMPLEMENTED where the plugin does not give it
   */
  optimizedProgram(): OptimizedProgram {
    const where = 'pjrt.Executable.optimizedProgram';
    // asked twice: for its size, and for itself
    const program = this.api.struct('Program');
    const args = this.api.args('Executable_OptimizedProgram').point('executable', this.#handle.pointer(where));
    args.point('program', program);
    this.api.call(where, 'Executable_OptimizedProgram', args);
    const code = new Uint8Array(program.number('code_size'));
    this.api.call(where, 'Executable_OptimizedProgram', args.point('program', program.point('code', code)));
    return { format: program.text('format', 'format_size'), code };
  }

  /**
   * The program as bytes, for `client.load` of the same plugin in the same version on the same kind of device.
   *
   * @throws PjrtError UNIMPLEMENTED where the plugin cannot
   */
  serialize(): Uint8Array<ArrayBuffer> {
    const where = 'pjrt.Executable.serialize';
    const args = this.api.args('Executable_Serialize').point('executable', this.#handle.pointer(where));
    this.api.call(where, 'Executable_Serialize', args);
    const bytes = copyOf(args.pointer('serialized_bytes'), args.number('serialized_bytes_size'));
    functionAt(args.pointer('serialized_executable_deleter'))(args.pointer('serialized_executable'));
    return bytes;
  }

  /** Frees it. Disposing twice does nothing. */
  dispose(): void {
    this.#handle.end(DISPOSED);
  }
}

const WHERE = 'pjrt.Executable';
