import type { Api } from './native/api.js';
import type { Runtime } from './native/runtime.js';
import { isPjrtError } from './pjrt-error.js';

/** What a device is, also of one that is only described. */
export interface DeviceDescription {
  /** Unique among all devices of a client or topology. */
  readonly id: number;
  /** `cpu`, `NVIDIA H200`, `TPU v5 lite`. */
  readonly kind: string;
  /** The plugin's own words. */
  readonly description: string;
}

/** Memory of a device, in bytes. What the plugin does not count is left out. */
export interface MemoryStats {
  readonly bytesInUse: number;
  readonly peakBytesInUse?: number;
  /** The most that may be in use. */
  readonly bytesLimit?: number;
  readonly largestAllocation?: number;
  readonly largestFreeBlock?: number;
  readonly bytesReserved?: number;
  /** What the allocator holds, in use or not. */
  readonly poolBytes?: number;
  readonly allocations?: number;
}

/** One device of a client, as the client lists it. */
export class Device implements DeviceDescription {
  readonly id: number;
  readonly kind: string;
  readonly description: string;
  /** @internal */
  readonly pointer: bigint;
  readonly #runtime: Runtime;

  /** @internal */
  constructor(runtime: Runtime, pointer: bigint) {
    const { api } = runtime;
    this.#runtime = runtime;
    this.pointer = pointer;
    const args = api.args('Device_GetDescription').point('device', pointer);
    const described = api.call(WHERE, 'Device_GetDescription', args).pointer('device_description');
    ({ id: this.id, kind: this.kind, description: this.description } = describe(api, described));
  }

  /**
   * What of its memory is in use.
   *
   * @returns undefined where the plugin does not count (its CPU has the host's memory)
   * @throws EngineError once the client is disposed
   */
  memoryStats(): MemoryStats | undefined {
    const { api, handle } = this.#runtime;
    handle.pointer(WHERE);
    const args = api.args('Device_MemoryStats').point('device', this.pointer);
    try {
      api.call(WHERE, 'Device_MemoryStats', args);
    } catch (error) {
      if (isPjrtError(error, 'UNIMPLEMENTED')) return undefined;
      throw error;
    }
    const counted = COUNTS.filter(([, field]) => args.bool(`${field}_is_set`));
    return {
      bytesInUse: args.number('bytes_in_use'),
      ...Object.fromEntries(counted.map(([name, field]) => [name, args.number(field)])),
    };
  }
}

const WHERE = 'pjrt.Device';

const COUNTS = [
  ['peakBytesInUse', 'peak_bytes_in_use'],
  ['bytesLimit', 'bytes_limit'],
  ['largestAllocation', 'largest_alloc_size'],
  ['largestFreeBlock', 'largest_free_block_bytes'],
  ['bytesReserved', 'bytes_reserved'],
  ['poolBytes', 'pool_bytes'],
  ['allocations', 'num_allocs'],
] as const;

/** Reads a `PJRT_DeviceDescription`. */
export function describe(api: Api, pointer: bigint): DeviceDescription {
  const id = api.args('DeviceDescription_Id').point('device_description', pointer);
  const kind = api.args('DeviceDescription_Kind').point('device_description', pointer);
  const text = api.args('DeviceDescription_DebugString').point('device_description', pointer);
  api.call(WHERE, 'DeviceDescription_Id', id);
  api.call(WHERE, 'DeviceDescription_Kind', kind);
  api.call(WHERE, 'DeviceDescription_DebugString', text);
  return {
    id: id.int32('id'),
    kind: kind.text('device_kind', 'device_kind_size'),
    description: text.text('debug_string', 'debug_string_size'),
  };
}
