import { ConfigError, checkOptions, checkPositive, type OptionNames } from '@diptych/core';
import { doubleField, lengthField, varintField } from './protobuf.js';

/** A value of an XLA flag. */
export type XlaFlag = string | number | boolean;

/** How a program is compiled. */
export interface CompileOptions {
  /** Copies of the program that run side by side and exchange by collectives, each on devices of its own. Default 1. */
  readonly replicas?: number;
  /** Parts that each copy is divided into, by the program's shardings. Default 1. */
  readonly partitions?: number;
  /** Ids of the devices to run on, `replicas` times `partitions` of them. Default: the client's first ones. */
  readonly devices?: readonly number[];
  /** XLA's flags for this program alone, without the dashes: `{ xla_gpu_enable_triton_gemm: false }`. */
  readonly flags?: Readonly<Record<string, XlaFlag>>;
}

const OPTIONS: OptionNames<CompileOptions> = {
  replicas: 'optional',
  partitions: 'optional',
  devices: 'optional',
  flags: 'optional',
};

/**
 * The options as XLA's `CompileOptionsProto` (xla/pjrt/proto/compile_options.proto).
 *
 * @throws ConfigError for options that are unknown or contradict each other
 */
export function encodeCompileOptions(where: string, options: CompileOptions = {}): Uint8Array<ArrayBuffer> {
  checkOptions(where, options, OPTIONS);
  const { replicas = 1, partitions = 1, devices, flags = {} } = options;
  checkPositive(where, 'replicas', replicas);
  checkPositive(where, 'partitions', partitions);
  // ExecutableBuildOptionsProto: 4 num_replicas, 5 num_partitions, 6 use_spmd_partitioning, 9 device_assignment
  const build = [...varintField(4, replicas), ...varintField(5, partitions)];
  if (partitions > 1) build.push(...varintField(6, true));
  if (devices !== undefined) build.push(...lengthField(9, assignment(where, devices, replicas, partitions)));
  const overrides = Object.entries(flags).flatMap(([name, value]) => {
    const entry = [...lengthField(1, name), ...lengthField(2, Uint8Array.from(override(where, name, value)))];
    return lengthField(7, Uint8Array.from(entry));
  });
  return Uint8Array.from([...lengthField(3, Uint8Array.from(build)), ...overrides]);
}

/** `DeviceAssignmentProto` (xla/xla_data.proto): for each partition, the devices of its replicas. */
function assignment(where: string, devices: readonly number[], replicas: number, partitions: number): Uint8Array {
  const isList = Array.isArray(devices) && devices.every((id) => Number.isInteger(id) && id >= 0);
  if (!isList || devices.length !== replicas * partitions || new Set(devices).size !== devices.length) {
    throw new ConfigError({
      where,
      expected: `devices to be ${replicas * partitions} different device ids (replicas times partitions)`,
      got: String(devices),
      remedy: 'take them from client.devices',
    });
  }
  const columns = Array.from({ length: partitions }, (_, partition) => {
    const ids = devices.filter((_, index) => index % partitions === partition);
    return lengthField(3, Uint8Array.from(ids.flatMap((id) => varintField(1, id))));
  });
  return Uint8Array.from([...varintField(1, replicas), ...varintField(2, partitions), ...columns.flat()]);
}

/** `OptionOverrideProto`. */
function override(where: string, name: string, value: XlaFlag): number[] {
  if (typeof value === 'string') return lengthField(1, value);
  if (typeof value === 'boolean') return varintField(2, value);
  if (Number.isSafeInteger(value)) return varintField(3, value);
  if (typeof value === 'number' && Number.isFinite(value)) return doubleField(4, value);
  throw new ConfigError({ where, expected: `flag ${name} to be text, a number, true or false`, got: String(value) });
}
