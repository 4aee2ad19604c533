import { ONNX_DTYPES, type OnnxGraph, type OnnxNode, type OnnxTensor } from '../onnx/index.js';

/** Matrices with fewer elements stay: they are no share of a file, and the last ones of a tower count most. */
const SMALLEST = 1024;
/** The largest integer of a weight: symmetric, without -128. */
const MOST = 127;

/** A matrix of weights as it is multiplied with, [in, out], and what its integers stand for. */
interface Quantized {
  readonly integers: string;
  readonly scales: string;
}

/**
 * The graph with its matrices of weights as int8, each column (of a table that is looked up in, each row) with a scale of its own.
 *
 * Products are computed with integers: their other side becomes uint8 when the model runs, with one scale and zero point for the
 * whole tensor (`DynamicQuantizeLinear`, `MatMulInteger`; what ONNX Runtime's `quantize_dynamic` makes). Everything else stays
 * float32. Weights that were only stored as int8 would be unpacked by every runtime as it loads, and save nothing there.
 */
export function quantizeWeights(graph: OnnxGraph): OnnxGraph {
  const constants = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const transposed = new Map(
    graph.nodes.flatMap(({ opType, inputs, outputs, attributes }) => {
      const of = constants.get(inputs[0] ?? '');
      const swaps = opType === 'Transpose' && String(attributes.perm) === '1,0';
      return of && swaps ? [[outputs[0]!, of] as const] : [];
    }),
  );
  const made: OnnxTensor[] = [];
  const known = new Map<string, Quantized>();
  const weightsOf = (name: string): Quantized | undefined => {
    const direct = constants.get(name);
    const tensor = direct ?? transposed.get(name);
    if (!tensor || !isMatrix(tensor)) return undefined;
    const kept = known.get(name) ?? quantizeColumns(name, tensor, direct === undefined, made);
    known.set(name, kept);
    return kept;
  };
  const nodes: OnnxNode[] = [];
  const activations = new Map<string, readonly string[]>();
  const activation = (name: string): readonly string[] => {
    const kept = activations.get(name);
    if (kept) return kept;
    const outputs = ['uint8', 'scale', 'zero'].map((what) => `${name}/${what}`);
    nodes.push({ opType: 'DynamicQuantizeLinear', inputs: [name], outputs, attributes: {} });
    activations.set(name, outputs);
    return outputs;
  };
  const toFloat = { to: ONNX_DTYPES.float32.code };
  for (const node of graph.nodes) {
    const { opType, inputs, outputs, attributes } = node;
    const [output] = outputs as [string];
    const part = (what: string) => `${output}/${what}`;
    if (opType === 'MatMul') {
      const weights = weightsOf(inputs[1]!);
      if (weights && !constants.has(inputs[0]!)) {
        const [values, scale, zero] = activation(inputs[0]!);
        const add = (op: string, from: readonly string[], to: string, attributes = {}) =>
          nodes.push({ opType: op, inputs: from, outputs: [to], attributes });
        add('MatMulInteger', [values!, weights.integers, zero!], part('int32'));
        add('Cast', [part('int32')], part('float'), toFloat);
        add('Mul', [scale!, weights.scales], part('scales'));
        add('Mul', [part('float'), part('scales')], output);
        continue;
      }
    }
    const table = opType === 'Gather' && attributes.axis === 0 ? constants.get(inputs[0]!) : undefined;
    if (table && isMatrix(table)) {
      const { integers, scales } = known.get(`${table.name}/rows`) ?? quantizeRows(table, made);
      known.set(`${table.name}/rows`, { integers, scales });
      const gather = (from: string, to: string) =>
        nodes.push({ opType: 'Gather', inputs: [from, inputs[1]!], outputs: [to], attributes });
      gather(integers, part('int8'));
      nodes.push({ opType: 'Cast', inputs: [part('int8')], outputs: [part('float')], attributes: toFloat });
      gather(scales, part('scales'));
      nodes.push({ opType: 'Mul', inputs: [part('float'), part('scales')], outputs, attributes: {} });
      continue;
    }
    nodes.push(node);
  }
  return withoutUnused({ ...graph, nodes, initializers: [...graph.initializers, ...made] });
}

function isMatrix({ dtype, shape, data }: OnnxTensor): boolean {
  return dtype === 'float32' && shape.length === 2 && data.length >= SMALLEST;
}

/** As [in, out] with a scale a column, whichever way it lies. */
function quantizeColumns(name: string, tensor: OnnxTensor, isTransposed: boolean, made: OnnxTensor[]): Quantized {
  const [rows, columns] = tensor.shape as [number, number];
  const [width, height] = isTransposed ? [rows, columns] : [columns, rows];
  const data = tensor.data as Float32Array;
  const at = (row: number, column: number) => (isTransposed ? column * columns + row : row * columns + column);
  const integers = new Int8Array(data.length);
  const scales = new Float32Array(width);
  for (let column = 0; column < width; column++) {
    let largest = 0;
    for (let row = 0; row < height; row++) largest = Math.max(largest, Math.abs(data[at(row, column)]!));
    scales[column] = largest / MOST;
    const scale = scales[column]! || 1;
    for (let row = 0; row < height; row++) integers[row * width + column] = Math.round(data[at(row, column)]! / scale);
  }
  return keep(name, { dtype: 'int8', shape: [height, width], data: integers }, [width], scales, made);
}

/** A table with a scale a row. */
function quantizeRows({ name, shape, data }: OnnxTensor, made: OnnxTensor[]): Quantized {
  const [rows, width] = shape as [number, number];
  const values = data as Float32Array;
  const integers = new Int8Array(values.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const from = values.subarray(row * width, (row + 1) * width);
    const largest = from.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    scales[row] = largest / MOST;
    const scale = scales[row]! || 1;
    for (let i = 0; i < width; i++) integers[row * width + i] = Math.round(from[i]! / scale);
  }
  return keep(`${name}/rows`, { dtype: 'int8', shape, data: integers }, [rows, 1], scales, made);
}

function keep(
  name: string,
  integers: Omit<OnnxTensor, 'name'>,
  shape: readonly number[],
  scales: Float32Array,
  made: OnnxTensor[],
): Quantized {
  const names = { integers: `${name}/weights`, scales: `${name}/weight_scales` };
  made.push({ ...integers, name: names.integers });
  made.push({ name: names.scales, dtype: 'float32', shape, data: scales });
  return names;
}

/** Without nodes and constants that nothing reads any more. */
function withoutUnused(graph: OnnxGraph): OnnxGraph {
  const read = new Set(graph.outputs.map(({ name }) => name));
  const nodes: OnnxNode[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((name) => read.has(name))) continue;
    for (const name of node.inputs) read.add(name);
    nodes.push(node);
  }
  return { ...graph, nodes: nodes.reverse(), initializers: graph.initializers.filter(({ name }) => read.has(name)) };
}
