import { ConfigError, checkPath } from '@diptych/core';
import { Client } from './client.js';
import { type CompileOptions, encodeCompileOptions } from './compile-options.js';
import { Executable } from './executable.js';
import { Api } from './native/api.js';
import { bytesOf } from './native/memory.js';
import { decodeNamedValues, encodeNamedValues, type NamedValue, type NamedValues } from './native/named-values.js';
import { prepareNvidia } from './native/nvidia.js';
import { programStruct } from './program.js';
import { Topology } from './topology.js';

const loaded = new Map<string, Plugin>();

/** A library with XLA for one kind of device. It stays loaded until the process ends. */
export class Plugin {
  readonly path: string;
  /** Version of the PJRT C API that it was built with. */
  readonly apiVersion: { readonly major: number; readonly minor: number };
  readonly #api: Api;

  private constructor(path: string) {
    prepareNvidia(path);
    this.#api = new Api(path);
    this.path = path;
    this.apiVersion = this.#api.version;
    this.#api.call(path, 'Plugin_Initialize', this.#api.args('Plugin_Initialize'));
  }

  /**
   * Loads a plugin; the same path gives the same plugin again.
   *
   * @param path of the library: see `findPlugin`
   * @throws EngineError if it cannot be loaded or is no plugin
   * @throws PjrtError if it cannot start
   */
  static load(path: string): Plugin {
    checkPath('pjrt.Plugin.load', path);
    const plugin = loaded.get(path) ?? new Plugin(path);
    loaded.set(path, plugin);
    return plugin;
  }

  /** What the plugin says of itself, such as the versions of StableHLO that it reads. */
  attributes(): Readonly<Record<string, NamedValue>> {
    const args = this.#api.call(this.path, 'Plugin_Attributes', this.#api.args('Plugin_Attributes'));
    return decodeNamedValues(args.pointer('attributes'), args.number('num_attributes'));
  }

  /**
   * Opens the devices, on another thread: drivers take their time.
   *
   * @param options of the plugin: `{ cpu_device_count: 2 }` for CPUs; for NVIDIA `visible_devices`, `memory_fraction`,
   *   `preallocate`, `allocator` as JAX has them
   * @throws PjrtError if there is no device or driver, or for options that the plugin does not know
   */
  async createClient(options: NamedValues = {}): Promise<Client> {
    const where = 'pjrt.Plugin.createClient';
    const args = this.#clientArgs(where, options);
    await this.#api.callAsync(where, 'Client_Create', args);
    return new Client(this.#api, args.pointer('client'));
  }

  /** The same, and the event loop stands still meanwhile. */
  createClientSync(options: NamedValues = {}): Client {
    const where = 'pjrt.Plugin.createClientSync';
    const args = this.#clientArgs(where, options);
    this.#api.call(where, 'Client_Create', args);
    return new Client(this.#api, args.pointer('client'));
  }

  #clientArgs(where: string, options: NamedValues) {
    const { memory, count, kept } = encodeNamedValues(where, options);
    const args = this.#api.args('Client_Create').point('create_options', memory);
    return args.count('num_options', count).holding(kept);
  }

  /**
   * Describes devices that need not be there.
   *
   * @param options of the plugin; NVIDIA's takes `target_config`, the text of a GpuTargetConfigProto, and `topology`, as
   *   `1x1x4` for four devices of one machine
   * @param name for plugins that know topologies by name, such as TPU's `v5e:2x2`
   * @throws PjrtError for options or names that the plugin does not know
   */
  async createTopology(options: NamedValues = {}, name = ''): Promise<Topology> {
    const where = 'pjrt.Plugin.createTopology';
    const { memory, count, kept } = encodeNamedValues(where, options);
    const text = bytesOf(name);
    const args = this.#api.args('TopologyDescription_Create').point('create_options', memory);
    args.count('num_options', count).holding(kept);
    args.point('topology_name', text.length > 0 ? text : bytesOf('\0')).count('topology_name_size', text.length);
    await this.#api.callAsync(where, 'TopologyDescription_Create', args);
    return new Topology(this.#api, args.pointer('topology'));
  }

  /**
   * Compiles a program for devices that need not be there, on another thread: to see that it compiles, what memory it takes,
   * and to load it where the devices are.
   *
   * @throws PjrtError what the compiler says
   */
  async compileFor(topology: Topology, program: string | Uint8Array, options?: CompileOptions): Promise<Executable> {
    const where = 'pjrt.Plugin.compileFor';
    if (!(topology instanceof Topology)) {
      const remedy = 'make one: await plugin.createTopology(options)';
      throw new ConfigError({ where, expected: 'a topology', got: typeof topology, remedy });
    }
    const args = this.#api.args('Compile').point('topology', topology.pointer(where));
    args.point('program', programStruct(this.#api, where, program));
    args.list('compile_options', 'compile_options_size', encodeCompileOptions(where, options));
    await this.#api.callAsync(where, 'Compile', args);
    return new Executable(this.#api, args.pointer('executable'));
  }
}
