import { EngineError } from '@diptych/core';
import {
  type AttributeValue,
  DEFAULT_OPSETS,
  ONNX_DTYPES,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from './graph.js';
import { ProtobufWriter } from './protobuf-writer.js';

/** Protocol Buffers refuses larger messages; kept a little below 2^31 - 1, for the bytes around the weights. */
export const MAX_MODEL_BYTES = 2 ** 31 - 2 ** 20;

/** A model whose weights lie in a second file. */
export interface ExternalModel {
  /** The ModelProto, which names the data file relative to its own folder. */
  model: Uint8Array<ArrayBuffer>;
  /** Content of the data file, in order of offset; the gaps between chunks are zeros. */
  chunks: { offset: number; bytes: Uint8Array }[];
  /** Size of the data file. */
  byteLength: number;
}

/**
 * The bytes of an ONNX ModelProto.
 *
 * @throws EngineError when an initializer's data does not fit its dtype and shape, an attribute has no ONNX form, or
 *   the weights exceed 2 GB (then {@link writeModelWithExternalData})
 */
export function writeModel(graph: OnnxGraph): Uint8Array<ArrayBuffer> {
  const bytes = initializerBytes(graph);
  if (bytes > MAX_MODEL_BYTES) {
    throw new EngineError({
      where: 'onnx.writeModel',
      expected: `at most ${MAX_MODEL_BYTES} bytes of initializers in one Protocol Buffers message`,
      got: `${bytes}`,
      remedy: 'use writeModelWithExternalData()',
    });
  }
  return writeModelProto(graph, (message, tensor) => {
    writeTensorHeader(message, tensor);
    message.bytes(9, rawBytes(tensor));
  });
}

/**
 * A ModelProto whose larger initializers lie in a file beside it, as models above 2 GB must.
 *
 * @param location name of the data file, relative to the model's folder
 * @param threshold initializers of fewer bytes stay inside the model (shapes and axes have to, ONNX Runtime reads
 *   them while it infers shapes)
 * @throws EngineError as {@link writeModel}
 */
export function writeModelWithExternalData(graph: OnnxGraph, location: string, threshold = 1024): ExternalModel {
  const chunks: ExternalModel['chunks'] = [];
  let end = 0;
  const model = writeModelProto(graph, (message, tensor) => {
    writeTensorHeader(message, tensor);
    const bytes = rawBytes(tensor);
    if (bytes.byteLength < threshold) {
      message.bytes(9, bytes);
      return;
    }
    const offset = Math.ceil(end / EXTERNAL_ALIGNMENT) * EXTERNAL_ALIGNMENT;
    end = offset + bytes.byteLength;
    chunks.push({ offset, bytes });
    for (const [key, value] of Object.entries({ location, offset, length: bytes.byteLength })) {
      message.message(13, (entry) => {
        entry.string(1, key);
        entry.string(2, String(value));
      });
    }
    message.int(14, EXTERNAL);
  });
  return { model, chunks, byteLength: end };
}

/** ONNX asks for page alignment, so that a runtime can map the file into memory. */
const EXTERNAL_ALIGNMENT = 4096;
/** TensorProto.DataLocation.EXTERNAL */
const EXTERNAL = 1;
/** IR version 9 belongs to opsets 19 and 20, 10 to 21 and later. */
const irVersion = (opset: number) => (opset <= 20 ? 9 : 10);

type WriteInitializer = (message: ProtobufWriter, tensor: OnnxTensor) => void;

// Field numbers below are those of onnx.proto3.
function writeModelProto(graph: OnnxGraph, writeInitializer: WriteInitializer): Uint8Array<ArrayBuffer> {
  const opsets = usedOpsets(graph);
  const model = new ProtobufWriter();
  model.int(1, irVersion(opsets['']!));
  model.string(2, 'diptych');
  model.message(7, (message) => writeGraph(message, graph, writeInitializer));
  for (const [domain, version] of Object.entries(opsets)) {
    model.message(8, (opset) => {
      opset.string(1, domain);
      opset.int(2, version);
    });
  }
  return model.finish();
}

function usedOpsets(graph: OnnxGraph): Record<string, number> {
  const known: Record<string, number> = { ...DEFAULT_OPSETS, ...graph.opsets };
  const used: Record<string, number> = { '': known['']! };
  for (const { domain = '', opType } of graph.nodes) {
    const version = known[domain];
    if (version === undefined) {
      throw new EngineError({
        where: `onnx node ${opType}`,
        expected: `a domain with a known opset version: ${Object.keys(known).map(quote).join(', ')}`,
        got: quote(domain),
        remedy: 'name its version in graph.opsets',
      });
    }
    used[domain] = version;
  }
  return used;
}

function writeGraph(message: ProtobufWriter, graph: OnnxGraph, writeInitializer: WriteInitializer): void {
  graph.nodes.forEach((node, index) => {
    message.message(1, (m) => writeNode(m, node, index));
  });
  message.string(2, 'graph');
  for (const tensor of graph.initializers) message.message(5, (m) => writeInitializer(m, tensor));
  for (const input of graph.inputs) message.message(11, (m) => writeValueInfo(m, input));
  for (const output of graph.outputs) message.message(12, (m) => writeValueInfo(m, output));
}

function writeNode(message: ProtobufWriter, node: OnnxNode, index: number): void {
  for (const input of node.inputs) message.string(1, input);
  for (const output of node.outputs) message.string(2, output);
  const name = node.name ?? `${node.opType}_${index}`;
  message.string(3, name);
  message.string(4, node.opType);
  for (const [key, value] of Object.entries(node.attributes)) {
    if (value !== undefined) message.message(5, (m) => writeAttribute(m, name, key, value));
  }
  if (node.domain) message.string(7, node.domain);
}

function writeAttribute(message: ProtobufWriter, node: string, key: string, value: AttributeValue): void {
  message.string(1, key);
  if (typeof value === 'number') {
    message.int(3, integer(value, node, key));
    message.int(20, 2);
  } else if (typeof value === 'string') {
    message.string(4, value);
    message.int(20, 3);
  } else if ('float' in value) {
    message.float(2, value.float);
    message.int(20, 1);
  } else if ('floats' in value) {
    message.packedFloats(7, value.floats);
    message.int(20, 6);
  } else if ('strings' in value) {
    for (const text of value.strings) message.string(9, text);
    message.int(20, 8);
  } else if ('tensor' in value) {
    const tensor = { ...value.tensor, name: '' };
    message.message(5, (m) => {
      writeTensorHeader(m, tensor);
      m.bytes(9, rawBytes(tensor));
    });
    message.int(20, 4);
  } else {
    message.packedInts(
      8,
      value.map((element) => integer(element, node, key)),
    );
    message.int(20, 7);
  }
}

function writeTensorHeader(message: ProtobufWriter, tensor: OnnxTensor): void {
  message.packedInts(1, tensor.shape);
  message.int(2, ONNX_DTYPES[tensor.dtype].code);
  if (tensor.name) message.string(8, tensor.name);
}

function writeValueInfo(message: ProtobufWriter, { name, dtype, shape }: OnnxValueInfo): void {
  message.string(1, name);
  message.message(2, (type) => {
    type.message(1, (tensorType) => {
      tensorType.int(1, ONNX_DTYPES[dtype].code);
      tensorType.message(2, (shapeMessage) => {
        for (const dimension of shape) {
          shapeMessage.message(1, (m) => {
            if (typeof dimension === 'string') m.string(2, dimension);
            else m.int(1, dimension);
          });
        }
      });
    });
  });
}

/** The tensor's memory as bytes, without a copy. ONNX is little endian, as is every machine with a build of ORT. */
function rawBytes(tensor: OnnxTensor): Uint8Array {
  const size = tensor.shape.reduce((product, dimension) => product * dimension, 1);
  const { array, bytes } = ONNX_DTYPES[tensor.dtype];
  const { data } = tensor;
  if (
    data.length !== size ||
    data.BYTES_PER_ELEMENT !== bytes ||
    (tensor.dtype !== 'float16' && data.constructor !== array)
  ) {
    throw new EngineError({
      where: `onnx tensor ${quote(tensor.name)}`,
      expected: `${array.name} of ${size} elements for ${tensor.dtype} [${tensor.shape}]`,
      got: `${data.constructor.name} of ${data.length}`,
    });
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function initializerBytes(graph: OnnxGraph): number {
  return graph.initializers.reduce((sum, { data }) => sum + data.byteLength, 0);
}

function integer(value: number, node: string, key: string): number {
  if (Number.isSafeInteger(value)) return value;
  throw new EngineError({
    where: `onnx node ${node}, attribute ${key}`,
    expected: 'an integer',
    got: String(value),
    remedy: 'write floats as { float: value }',
  });
}

const quote = (text: string) => `'${text}'`;
