import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ConfigError,
  checkOptions,
  describeTokenizer,
  type Encoded,
  type Fusion,
  type ImageTransform,
  type OptionNames,
  ShapeError,
  type TokenizeOptions,
  type Tokenizer,
  tokenizerFiles,
} from '@diptych/core';
import { l2Normalize } from '@diptych/nn';
import { type ExportOnnxOptions, exportOnnx, runOnnx } from '@diptych/tfjs-backend-onnxruntime';
import type { MultiModalEncoder } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';

/** What is exported: a model with what prepares its inputs. */
export interface ExportedModelParts {
  readonly encoder: MultiModalEncoder<Fusion | undefined>;
  readonly transform: ImageTransform;
  readonly tokenizer: Tokenizer;
  readonly tokenize: TokenizeOptions;
}

/** What `exportOnnx` writes. */
export interface ExportModelOptions {
  /** Default: all that the model has. */
  readonly parts?: readonly PartName[];
  /**
   * Parts that are written with weights as int8 as well, `text.int8.onnx`: about a quarter of the size, products computed with integers. Its
   * results differ by per cents and depend on what else is in the batch.
   */
  readonly int8?: readonly PartName[];
}

/** A file of the export. */
export type PartName = 'image' | 'text' | 'fusion' | 'matcher';

const PART_NAMES: readonly PartName[] = ['image', 'text', 'fusion', 'matcher'];
const OPTIONS: OptionNames<ExportModelOptions> = { parts: 'optional', int8: 'optional' };

/** A model file that was written, and how it compares with the model here. */
export interface ExportedPart {
  /** In the folder. */
  readonly file: string;
  /** `name: dtype [sizes]`; a size that is open has a name. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Largest difference between the file's results in ONNX Runtime and the model's here, as a part of the largest result. */
  readonly parity: number;
  readonly weights: 'float32' | 'int8';
}

/** A function of the model, with tensors to call it with. */
interface Part {
  readonly name: PartName;
  readonly run: (inputs: Readonly<Record<string, tf.Tensor>>) => Readonly<Record<string, tf.Tensor>>;
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  /** Axes after the first, which is the batch, whose sizes are open. */
  readonly lengths: Readonly<Record<string, string>>;
}

const IDS = ['input_ids', 'attention_mask'];
/** Texts of different lengths, so that some are padded. */
const SAMPLE_TEXTS = ['a photograph of a small red house beside a lake in the mountains', 'a dog', 'rain'];

/**
 * Writes a model as ONNX files that any runtime can load: `image.onnx`, `text.onnx`, and `fusion.onnx` and `matcher.onnx` where
 * it has these, with `tokenizer/`, `preprocessing.json` and a README. Batches may have any size, and texts any length that
 * the encoder takes.
 *
 * @returns each file with its inputs and outputs, and how far its results are from the model's
 * @throws EngineError for a part that has no ONNX form; ConfigError for a part that there is not
 */
export async function exportJointModel(
  folder: string,
  model: ExportedModelParts,
  options: ExportModelOptions = {},
): Promise<ExportedPart[]> {
  const where = 'diptych.exportOnnx';
  checkOptions(where, options, OPTIONS);
  const { parts: wanted = PART_NAMES, int8 = [] } = options;
  for (const name of [...wanted, ...int8]) {
    if (!PART_NAMES.includes(name))
      throw new ConfigError({ where, expected: PART_NAMES.join(', '), got: String(name) });
  }
  const { encoder, transform, tokenizer, tokenize } = model;
  await mkdir(join(folder, 'tokenizer'), { recursive: true });
  for (const [name, content] of Object.entries(tokenizerFiles(tokenizer))) {
    await writeFile(join(folder, 'tokenizer', name), content);
  }
  let parts: readonly Part[] = [];
  tf.tidy(() => {
    parts = partsOf(model).filter(({ name }) => wanted.includes(name));
    for (const { inputs } of parts) for (const tensor of Object.values(inputs)) tf.keep(tensor);
  });
  const written: ExportedPart[] = [];
  try {
    for (const part of parts) {
      written.push(await write(folder, part, 'float32'));
      if (int8.includes(part.name)) written.push(await write(folder, part, 'int8'));
    }
  } finally {
    tf.dispose(parts.map(({ inputs }) => inputs));
  }
  const preprocessing = {
    image: { ...transform.describe(), outputShape: transform.outputShape, layout: 'batch, height, width, channels' },
    text: { ...describeTokenizer(tokenizer), tokenize },
    logitScale: Math.exp((await encoder.logitScale.data())[0]!),
    ...(encoder.logitBias && { logitBias: (await encoder.logitBias.data())[0]! }),
  };
  await writeFile(join(folder, 'preprocessing.json'), `${JSON.stringify(preprocessing, null, 2)}\n`);
  await writeFile(join(folder, 'README.md'), readme(written));
  return written;
}

/** The files that a model makes, each with inputs for a batch of three. */
function partsOf({ encoder, transform, tokenizer, tokenize }: ExportedModelParts): Part[] {
  const batch = SAMPLE_TEXTS.length;
  const pixels = tf.randomNormal([batch, ...transform.outputShape], 0, 1, 'float32', 1);
  const { inputIds, attentionMask } = tokenizer.encode(SAMPLE_TEXTS, { truncation: true, ...tokenize });
  const ids = [inputIds, attentionMask].map((data) => tf.tensor2d(data, [batch, data.length / batch], 'int32'));
  const text: Part = {
    name: 'text',
    inputs: { input_ids: ids[0]!, attention_mask: ids[1]! },
    lengths: { input_ids: 'length', attention_mask: 'length' },
    run: ({ input_ids, attention_mask }) =>
      towerOutputs(encoder.encodeText({ inputIds: input_ids!, attentionMask: attention_mask! }), encoder),
  };
  const image: Part = {
    name: 'image',
    inputs: { pixels },
    lengths: {},
    run: (inputs) => towerOutputs(encoder.encodeImage(inputs.pixels!), encoder),
  };
  if (!encoder.fusion) return [image, text];

  const prefixed = (side: string, outputs: Readonly<Record<string, tf.Tensor>>) =>
    Object.entries(outputs).flatMap(([name, tensor]) => (name === 'embedding' ? [] : [[`${side}_${name}`, tensor]]));
  const fed: Record<string, tf.Tensor> = Object.fromEntries([
    ...prefixed('image', image.run(image.inputs)),
    ...prefixed('text', text.run(text.inputs)),
  ]);
  const side = (inputs: Readonly<Record<string, tf.Tensor>>, of: string) =>
    ({ pooled: inputs[`${of}_pooled`], sequence: inputs[`${of}_sequence`], mask: inputs[`${of}_mask`] }) as Encoded;
  const fusion: Part = {
    name: 'fusion',
    inputs: fed,
    lengths: { text_sequence: 'length', text_mask: 'length' },
    run: (inputs) => ({ fused: encoder.fuse(side(inputs, 'image'), side(inputs, 'text')).fused }),
  };
  if (!encoder.matcher) return [image, text, fusion];
  const matcher: Part = {
    name: 'matcher',
    inputs: { fused: fusion.run(fed).fused! },
    lengths: {},
    run: ({ fused }) => ({ logit: encoder.matchLogits(fused!) }),
  };
  return [image, text, fusion, matcher];
}

/** A fusion reads more of a tower than its embedding. */
function towerOutputs(output: Encoded, { fusion }: ExportedModelParts['encoder']): Record<string, tf.Tensor> {
  const { pooled, sequence, mask } = output;
  const embedding = l2Normalize(pooled);
  if (!fusion) return { embedding };
  return { embedding, pooled, sequence, ...(mask && { mask }) };
}

async function write(folder: string, part: Part, weights: 'float32' | 'int8'): Promise<ExportedPart> {
  const file = weights === 'int8' ? `${part.name}.int8.onnx` : `${part.name}.onnx`;
  const path = join(folder, file);
  const exported = exportPart(part, weights);
  await exported.save(path);
  const listed = (infos: typeof exported.graph.inputs) =>
    infos.map(({ name, dtype, shape }) => `${name}: ${dtype} [${shape.join(', ')}]`);
  const parity = tf.tidy(() => {
    const [expected, results] = [part.run(part.inputs), runOnnx(path, part.inputs)];
    return Math.max(...Object.entries(expected).map(([name, tensor]) => distance(results[name]!, tensor)));
  });
  return { file, inputs: listed(exported.graph.inputs), outputs: listed(exported.graph.outputs), parity, weights };
}

/** With open lengths; where the encoder takes one length only, with that. */
function exportPart(part: Part, weights: 'float32' | 'int8') {
  const names = Object.keys(part.inputs);
  const options = (lengths: Part['lengths']): ExportOnnxOptions => ({
    inputNames: names,
    outputNames: Object.keys(tf.tidy(() => part.run(part.inputs))),
    dynamicAxes: Object.fromEntries(
      names.map((name): [string, Record<number, string>] => {
        const length = lengths[name];
        return [name, length ? { 0: 'batch', 1: length } : { 0: 'batch' }];
      }),
    ),
    int64Inputs: names.filter((name) => IDS.includes(name)),
    weights,
  });
  const run = (inputs: Readonly<Record<string, tf.Tensor>>) => Object.values(part.run(inputs));
  try {
    return exportOnnx(run, [part.inputs], options(part.lengths));
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    return exportOnnx(run, [part.inputs], options({}));
  }
}

/** Largest difference over the largest expected value. */
function distance(actual: tf.Tensor, expected: tf.Tensor): number {
  const [difference] = tf.max(tf.abs(tf.sub(actual, expected))).dataSync();
  const [largest] = tf.max(tf.abs(expected)).dataSync();
  return difference! / Math.max(largest!, 1e-12);
}

function readme(parts: readonly ExportedPart[]): string {
  const rows = parts.map(
    ({ file, inputs, outputs, parity }) =>
      `| \`${file}\` | ${inputs.join('<br>')} | ${outputs.join('<br>')} | ${parity.toExponential(1)} |`,
  );
  return `# ONNX export of a diptych model

Written by [diptych](https://www.npmjs.com/package/diptych). Operators are ONNX's own, opset 20. Sizes with a name are open.

| File | Inputs | Outputs | Distance from the model, float32 |
| --- | --- | --- | --- |
${rows.join('\n')}

- \`pixels\` are pictures after the steps in \`preprocessing.json\`, channels last.
- \`input_ids\` and \`attention_mask\` come from the tokenizer whose files are in \`tokenizer/\`, padded to one length.
- \`embedding\` has length 1: the similarity of a picture and a text is the product of theirs.
- \`fusion.onnx\`, where there is one, takes the towers' \`pooled\`, \`sequence\` and \`mask\`, row by row; \`matcher.onnx\` gives a logit,
  above 0 where picture and text belong together.

\`\`\`python
import numpy, onnxruntime
text = onnxruntime.InferenceSession("text.onnx")
(embedding,) = text.run(["embedding"], {"input_ids": ids, "attention_mask": mask})  # int64 arrays [batch, length]
\`\`\`
`;
}
