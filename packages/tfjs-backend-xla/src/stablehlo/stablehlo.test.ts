// Golden text, and that a compiler reads every form which the builder prints.
import { describe, expect, it } from 'vitest';
import { cpuClient, cpuPlugin, reason } from '../../test/cpu-plugin';
import {
  allGather, allReduce, dot, HloBuilder, type HloValue, moduleText, reduce, reduceScatter, reduceTogether, reduceWindow, replicaId, sort, take,
} from './index'; // biome-ignore format: a list

const f32 = (...shape: number[]) => ({ shape, elementType: 'f32' as const });

function softmaxOfRows(): string {
  const b = new HloBuilder();
  const x = b.argument(f32(2, 3), ['tf.aliasing_output = 0 : i32']);
  const largest = reduce(b, 'maximum', x, [1], Number.NEGATIVE_INFINITY);
  const powers = b.unary('exponential', b.subtract(x, b.broadcastInDim(largest, x.shape, [0])));
  const total = reduce(b, 'add', powers, [1], 0);
  return moduleText(b, [b.divide(powers, b.broadcastInDim(total, x.shape, [0]))], { name: 'softmax' });
}

describe('programs as text', () => {
  it('has one line an operation', () => {
    expect(softmaxOfRows()).toMatchInlineSnapshot(`
      "module @softmax attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
        func.func public @main(%arg0: tensor<2x3xf32> {tf.aliasing_output = 0 : i32}) -> (tensor<2x3xf32>) {
          %0 = stablehlo.constant dense<0xFF800000> : tensor<f32>
          %1 = stablehlo.reduce(%arg0 init: %0) applies stablehlo.maximum across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
          %2 = stablehlo.broadcast_in_dim %1, dims = [0] : (tensor<2xf32>) -> tensor<2x3xf32>
          %3 = stablehlo.subtract %arg0, %2 : tensor<2x3xf32>
          %4 = stablehlo.exponential %3 : tensor<2x3xf32>
          %5 = stablehlo.constant dense<0.0> : tensor<f32>
          %6 = stablehlo.reduce(%4 init: %5) applies stablehlo.add across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
          %7 = stablehlo.broadcast_in_dim %6, dims = [0] : (tensor<2xf32>) -> tensor<2x3xf32>
          %8 = stablehlo.divide %4, %7 : tensor<2x3xf32>
          return %8 : tensor<2x3xf32>
        }
      }
      "
    `);
  });

  it('is the same text for the same program, and makes equal constants once', () => {
    expect(softmaxOfRows()).toBe(softmaxOfRows());
    const b = new HloBuilder();
    const x = b.argument(f32(4));
    b.add(b.add(x, b.like(x, 2)), b.like(x, 2));
    expect(b.text([x]).split('stablehlo.constant').length - 1).toBe(1);
  });

  it('leaves out what changes nothing', () => {
    const b = new HloBuilder();
    const x = b.argument(f32(2, 3));
    const same = [
      b.reshape(x, [2, 3]), b.transpose(x, [0, 1]), b.broadcastTo(x, [2, 3]), b.slice(x, [0, 0], [2, 3]), b.reverse(x, []), b.convert(x, 'f32'),
      b.pad(x, { low: [0, 0], high: [0, 0] }), b.concatenate([x], 0), reduce(b, 'add', x, [], 0),
    ]; // biome-ignore format: a list
    expect(same.every((value) => value === x)).toBe(true);
  });

  it('has regions with constants of their own', () => {
    const b = new HloBuilder();
    const x = b.argument(f32(4));
    const two = b.scalar(2);
    const [sum] = reduceTogether(b, [x], [b.scalar(0)], [0], ([left], [right]) => [
      b.add(left!, b.multiply(right!, b.scalar(2))),
    ]);
    expect(b.text([b.multiply(sum!, two)]).match(/dense<2.0>/g)).toHaveLength(2);
  });
});

describe.skipIf(!cpuPlugin)(`programs as a compiler reads them${reason}`, () => {
  const run = async (build: (b: HloBuilder) => HloValue[], replicas = 1) => {
    const client = await cpuClient();
    const b = new HloBuilder();
    const executable = await client.compile(moduleText(b, build(b), { replicas }), { replicas });
    const { outputs } = executable.launch(executable.devices.map(() => []));
    const values = await Promise.all(
      outputs.map((list) => Promise.all(list.map(async (one) => Array.from((await one.read()) as Float32Array)))),
    );
    executable.dispose();
    return values;
  };

  it('folds, windows, sorts and lookups', async () => {
    const [values] = await run((b) => {
      const x = b.constant([3, 1, 2, 1], f32(4));
      const window = { size: [2], strides: [1], padding: [[0, 1]] as const };
      const [sorted, places] = sort(b, [x, b.iota([4], 0)], 0, 'GT') as [HloValue, HloValue];
      const table = b.constant([0, 1, 2, 3, 4, 5], f32(2, 3));
      return [
        reduceWindow(b, 'add', x, 0, window), sorted, places, take(b, table, b.int32s([2, 0, 9]), 1),
        dot(b, table, table, { contracting: { left: [1], right: [1] }, precision: 'HIGHEST' }),
      ]; // biome-ignore format: a list
    });
    expect(values).toEqual([[4, 3, 3, 1], [3, 2, 1, 1], [0, 2, 1, 3], [2, 0, 2, 5, 3, 5], [5, 14, 14, 50]]); // biome-ignore format: a list
  });

  it('collectives of four devices', async () => {
    const results = await run((b) => {
      const id = b.reshape(b.convert(replicaId(b), 'f32'), [1]);
      const four = b.broadcastTo(b.add(id, b.like(id, 1)), [4]);
      return [
        allReduce(b, id, 4),
        allReduce(b, id, 4, 'maximum'),
        allGather(b, id, 4, 0),
        reduceScatter(b, four, 4, 0),
      ];
    }, 4);
    for (const outputs of results) expect(outputs).toEqual([[6], [3], [0, 1, 2, 3], [10]]);
  });
});
