import { expect, it } from 'vitest';
import { encodeCompileOptions } from './compile-options';
import { protoFields } from './protobuf';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

it('is CompileOptionsProto', () => {
  // { executable_build_options: { num_replicas: 1, num_partitions: 1 } }
  expect(hex(encodeCompileOptions('test'))).toBe('1a0420012801');
  // … num_partitions: 2, use_spmd_partitioning: true
  expect(hex(encodeCompileOptions('test', { partitions: 2 }))).toBe('1a06200128023001');
  // … device_assignment: { replica_count: 2, computation_count: 1, computation_devices: { replica_device_ids: [300, 0] } }
  expect(hex(encodeCompileOptions('test', { replicas: 2, devices: [300, 0] }))).toBe(
    '1a11200228014a0b08021001' + '1a0508ac020800',
  );
});

it('has flags as overrides of every type', () => {
  const bytes = encodeCompileOptions('test', { flags: { a: 'text', b: true, c: -1, d: 0.5 } });
  const overrides = [...protoFields(bytes)]
    .filter(([number]) => number === 7)
    .map(([, entry]) => hex(entry as Uint8Array));
  expect(overrides).toEqual([
    `0a0161${'1206'}0a0474657874`,
    `0a0162${'1202'}1001`,
    `0a0163${'120b'}18ffffffffffffffffff01`,
    `0a0164${'1209'}21000000000000e03f`,
  ]);
});

it('refuses what contradicts itself', () => {
  expect(() => encodeCompileOptions('test', { replicas: 0 })).toThrow('replicas to be a whole number above 0');
  expect(() => encodeCompileOptions('test', { replicas: 2, devices: [0] })).toThrow('2 different device ids');
  expect(() => encodeCompileOptions('test', { replicas: 2, devices: [1, 1] })).toThrow('2 different device ids');
  expect(() => encodeCompileOptions('test', { flags: { a: Number.NaN } })).toThrow('flag a to be');
});
