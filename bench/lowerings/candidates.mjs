// Compares forms of one computation. Every candidate runs once a round, so that noise on the machine hits all alike.
// Two figures: processor time with one thread, which other programs on the machine hardly change, and wall time with
// two threads (the best round), which shows what is not parallel.
import { loadEngine } from './engine.mjs';

const engine = await loadEngine();

/** A node, shorter to write than OnnxNode. */
export const node = (opType, inputs, outputs, attributes = {}, domain = '') => ({
  opType,
  inputs,
  outputs: [].concat(outputs),
  attributes,
  domain,
});
export const microsoft = (opType, inputs, outputs, attributes = {}) =>
  node(opType, inputs, outputs, attributes, 'com.microsoft');
export const blocked = (opType, inputs, outputs, attributes = {}) =>
  node(opType, inputs, outputs, attributes, 'com.microsoft.nchwc');
export const ints = (name, values) => ({
  name,
  dtype: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
export const float = (name, value) => ({ name, dtype: 'float32', shape: [], data: Float32Array.of(value) });

const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);
const random = (size) => Float32Array.from({ length: size }, () => Math.random() - 0.5);

/**
 * Measures candidates `{ name, inputs: {name: shape}, outputs: {name: shape}, nodes, constants?, weights?, data?, options? }`.
 * `weights` are inputs that become initializers; `data` gives the elements of some inputs.
 * Prints a table of milliseconds, and the ratio to the first candidate or GFLOP/s where `flops` is given.
 * `check` compares the outputs of all candidates with those of the first.
 */
export function compare(title, candidates, { flops = 0, rounds = 7, check = true } = {}) {
  const shared = {};
  const prepared = candidates.flatMap((candidate) => {
    try {
      const [one, two] = [1, 2].map((threads) => prepare(candidate, shared, threads));
      return [{ name: candidate.name, one, two, cpu: [], wall: [] }];
    } catch (error) {
      console.log(`${title} | ${candidate.name}: ${error.message.slice(0, 300)}`);
      return [];
    }
  });
  // One after the other: the idle threads of a pool spin for a while, which would count as processor time.
  for (let round = 0; round <= rounds; round++) {
    for (const { one, cpu } of prepared) {
      const before = process.cpuUsage();
      one.run();
      const { user, system } = process.cpuUsage(before);
      if (round > 0) cpu.push((user + system) / 1000);
    }
  }
  for (let round = 0; round <= rounds; round++) {
    for (const { two, wall } of prepared) {
      const start = performance.now();
      two.run();
      if (round > 0) wall.push(performance.now() - start);
    }
  }
  console.log(`\n### ${title}\n| form | 1 thread, CPU ms | | 2 threads, best ms | |\n| --- | --- | --- | --- | --- |`);
  const [first] = prepared;
  for (const { name, one, two, cpu, wall } of prepared) {
    const cells = [
      [Math.min(...cpu), Math.min(...first.cpu)],
      [Math.min(...wall), Math.min(...first.wall)],
    ].flatMap(([ms, base]) => [
      ms.toFixed(2),
      flops ? `${(flops / ms / 1e6).toFixed(0)} GFLOP/s` : `${(base / ms).toFixed(2)}x`,
    ]);
    const error = check
      ? Math.max(difference(first.one.outputs, one.outputs), difference(one.outputs, two.outputs))
      : 0;
    console.log(`| ${name} | ${cells.join(' | ')} |${error > 1e-4 ? ` DIFFERS by ${error.toExponential(1)}` : ''}`);
    one.dispose();
    two.dispose();
  }
}

function prepare({ inputs, outputs, nodes, constants = [], weights = [], data = {}, options = {} }, shared, threads) {
  const dtypeOf = (name) =>
    data[name] instanceof BigInt64Array ? 'int64' : data[name] instanceof Uint8Array ? 'bool' : 'float32';
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => {
      shared[`${name}:${sizeOf(shape)}`] ??= random(sizeOf(shape));
      return [name, data[name] ?? shared[`${name}:${sizeOf(shape)}`]];
    }),
  );
  const graph = {
    nodes,
    inputs: Object.entries(inputs)
      .filter(([name]) => !weights.includes(name))
      .map(([name, shape]) => ({ name, dtype: dtypeOf(name), shape })),
    outputs: Object.entries(outputs).map(([name, shape]) => ({ name, dtype: 'float32', shape })),
    initializers: [
      ...constants,
      ...weights.map((name) => ({ name, dtype: dtypeOf(name), shape: inputs[name], data: values[name] })),
    ],
  };
  const session = engine.createSession(engine.writeModel(graph), {
    graphOptimizationLevel: weights.length ? 'all' : 'disabled',
    enableMemPattern: false,
    intraOpNumThreads: threads,
    ...options,
  });
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name, shape, dtype }) => [name, engine.hostValue(dtype, values[name], shape)]),
  );
  const fetches = Object.fromEntries(
    Object.entries(outputs).map(([name, shape]) => [
      name,
      engine.hostValue('float32', new Float32Array(sizeOf(shape)), shape),
    ]),
  );
  return {
    run: () => session.run(feeds, fetches),
    outputs: Object.values(fetches).map(({ data: elements }) => elements),
    dispose: () => session.dispose(),
  };
}

/** Largest difference relative to the largest value, over outputs of equal size. */
function difference(expected, actual) {
  let worst = 0;
  expected.forEach((a, i) => {
    const b = actual[i];
    if (!b || b.length !== a.length) return;
    let [largest, error] = [1e-30, 0];
    for (let j = 0; j < a.length; j++) {
      largest = Math.max(largest, Math.abs(a[j]));
      error = Math.max(error, Math.abs(a[j] - b[j]));
    }
    worst = Math.max(worst, error / largest);
  });
  return worst;
}
