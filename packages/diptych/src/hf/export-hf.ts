import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkPath, type JsonObject, tokenizerFiles } from '@diptych/core';
import { writeSafetensors } from '@diptych/weights/node';
import { checkParts, type JointModelParts } from '../joint-model.js';
import { save } from '../model-folder.js';
import { type BertTower, bertTower, dualEncoderText } from './bert-tower.js';
import { clipOrSiglip } from './clip-model.js';
import { imageProcessor } from './image-processor.js';
import { matrix, shiftFor } from './linear-map.js';
import { type TimmTower, timmFiles, timmTower } from './timm-tower.js';
import { bareTower, notStandard, renamed, type Tensors } from './towers.js';

/** How Python's libraries open what was written. */
export type HfLayout = 'CLIPModel' | 'SiglipModel' | 'VisionTextDualEncoderModel' | 'timm and sentence-transformers';

/** What {@link exportHf} wrote. */
export interface HfReport {
  /**
   * One model of transformers at the root; or the towers apart, in `image/` (timm) and `text/` (sentence-transformers), with their heads, where
   * transformers has no model that joins them.
   */
  readonly layout: HfLayout;
  /** Why it is not one model of transformers. */
  readonly apart?: string;
  /** preprocessor_config.json does what the model's transform does; else the README has to say what that is. */
  readonly hasProcessor: boolean;
  /** diptych's own folder lies in `diptych/`, for `load`. */
  readonly hasOwnFolder: boolean;
  readonly embedDim: number;
}

/** Without this mark transformers refuses a file of weights. */
const METADATA = { metadata: { format: 'pt' } };

/**
 * Writes a model as Python's libraries open it: safetensors under their names, config.json, tokenizer. CLIP and SigLIP become
 * CLIPModel and SiglipModel; a ViT or ConvNeXt with a BERT that pools its first token a VisionTextDualEncoderModel (its vision model by timm).
 * Other networks of timm (ResNet, EfficientNet, MobileNetV3), and towers that pool a mean (MiniLM), become two folders.
 *
 * What transformers has no place for is folded in: heads into projections, their biases into the normalisation before them.
 *
 * @throws ConfigError for a tower that these libraries have not
 */
export async function exportHf(folder: string, model: JointModelParts): Promise<HfReport> {
  checkPath('diptych.exportHf', folder);
  checkParts('diptych.exportHf', model);
  const { encoder, transform } = model;
  const [image, text] = [await bareTower('image', encoder.image), await bareTower('text', encoder.text)];
  await mkdir(folder, { recursive: true });
  const processor = imageProcessor(transform);
  const { embedDim } = encoder;
  const scale = (await encoder.logitScale.data())[0]!;
  const scalars: Tensors = new Map([['logit_scale', matrix(Float32Array.of(scale))]]);
  const { logitBias } = encoder;

  const whole = clipOrSiglip(image, text);
  if (whole) {
    const isSiglip = whole.className === 'SiglipModel';
    const one = (value: number) => (isSiglip ? matrix(Float32Array.of(value), 1) : matrix(Float32Array.of(value)));
    scalars.set('logit_scale', one(scale));
    if (isSiglip) scalars.set('logit_bias', one(logitBias ? (await logitBias.data())[0]! : 0));
    await writeModel(folder, whole.config, new Map([...whole.tensors, ...scalars]));
    await writeShared(folder, model, processor);
    return { layout: whole.className, hasProcessor: processor !== undefined, hasOwnFolder: false, embedDim };
  }

  const [vision, words] = [timmTower(image), bertTower(text)];
  const joined = joinedTensors(vision, words, text.tensors);
  // a fusion, a matcher, heads of labels: only diptych's own folder holds them
  await save(join(folder, 'diptych'), model);
  if (typeof joined !== 'string') {
    await writeModel(folder, dualEncoderConfig(vision, words, model), new Map([...joined, ...scalars]));
    await writeShared(folder, model, processor);
    const layout = 'VisionTextDualEncoderModel';
    return { layout, hasProcessor: processor !== undefined, hasOwnFolder: true, embedDim };
  }
  const timm = timmFiles(vision, transform);
  await mkdir(join(folder, 'image'), { recursive: true });
  await writeModel(join(folder, 'image'), timm.config, timm.tensors);
  await writeSentenceTransformer(join(folder, 'text'), words, model);
  await writeJson(join(folder, 'config.json'), { model_type: 'diptych', logit_scale: scale, embed_dim: embedDim });
  if (processor) await writeJson(join(folder, 'preprocessor_config.json'), processor);
  return {
    layout: 'timm and sentence-transformers',
    apart: joined,
    hasProcessor: processor !== undefined,
    hasOwnFolder: true,
    embedDim,
  };
}

async function writeShared(folder: string, { tokenizer }: JointModelParts, images: JsonObject | undefined) {
  await writeTokenizer(folder, tokenizer);
  if (images) await writeJson(join(folder, 'preprocessor_config.json'), images);
}

async function writeModel(folder: string, config: JsonObject, tensors: Tensors): Promise<void> {
  await writeJson(join(folder, 'config.json'), { ...config, dtype: 'float32' });
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, METADATA);
}

async function writeTokenizer(folder: string, tokenizer: JointModelParts['tokenizer']): Promise<void> {
  for (const [name, content] of Object.entries(tokenizerFiles(tokenizer))) await writeFile(join(folder, name), content);
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Weights of a VisionTextDualEncoderModel; or why the towers are none. */
function joinedTensors(vision: TimmTower, words: BertTower, ofText: Tensors): Tensors | string {
  const { tensors, head, lastBias, numFeatures } = vision;
  if (!head) return 'the image tower has no head, and the model projects';
  const shift = shiftFor(head);
  const isShifted = shift?.some((value) => value !== 0);
  if (!shift || (isShifted && lastBias === undefined)) {
    return 'its projection of pictures has no bias, and this head has one';
  }
  const text = dualEncoderText(words, ofText);
  if (!text) return 'it pools the first token of a text, and this tower does otherwise';
  const image = renamed(tensors, 'vision_model.timm_model.');
  if (isShifted) {
    const name = `vision_model.timm_model.${lastBias}`;
    const bias = image.get(name)!.data as Float32Array;
    image.set(
      name,
      matrix(
        bias.map((value, i) => value + shift[i]!),
        bias.length,
      ),
    );
  }
  image.set('visual_projection.weight', matrix(head.weight, head.outFeatures, numFeatures));
  return new Map([...image, ...text]);
}

function dualEncoderConfig(
  { architecture, modelArgs, numFeatures }: TimmTower,
  { config }: BertTower,
  { encoder }: JointModelParts,
): JsonObject {
  return {
    architectures: ['VisionTextDualEncoderModel'],
    model_type: 'vision-text-dual-encoder',
    projection_dim: encoder.embedDim,
    vision_config: {
      model_type: 'timm_wrapper',
      architecture,
      ...(modelArgs && { model_args: modelArgs }),
      hidden_size: numFeatures,
      label_names: [],
    },
    text_config: config,
  };
}

/** torch's classes of activations. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  identity: 'torch.nn.modules.linear.Identity',
  tanh: 'torch.nn.modules.activation.Tanh',
  relu: 'torch.nn.modules.activation.ReLU',
  gelu: 'torch.nn.modules.activation.GELU',
  silu: 'torch.nn.modules.activation.SiLU',
};

/** A folder that SentenceTransformer(path) opens; it gives embeddings of length 1. */
async function writeSentenceTransformer(folder: string, words: BertTower, model: JointModelParts): Promise<void> {
  const { bert, config, tensors, steps } = words;
  if (bert.pooling === 'pooler') throw notStandard('text', bert, "BERT's own pooler beside this image tower");
  await mkdir(folder, { recursive: true });
  await writeModel(folder, config, tensors);
  await writeTokenizer(folder, model.tokenizer);
  const { maxLength = model.tokenizer.maxLength } = model.tokenize ?? {};
  await writeJson(join(folder, 'sentence_bert_config.json'), {
    max_seq_length: Math.min(maxLength, bert.maxLength),
    do_lower_case: false,
  });
  const modules = [{ idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' }];
  const add = async (name: string, write: (path: string) => Promise<void>) => {
    const idx = modules.length;
    const path = `${idx}_${name}`;
    await mkdir(join(folder, path), { recursive: true });
    await write(join(folder, path));
    modules.push({ idx, name: String(idx), path, type: `sentence_transformers.models.${name}` });
  };
  await add('Pooling', (path) =>
    writeJson(join(path, 'config.json'), {
      word_embedding_dimension: bert.config.hiddenSize,
      pooling_mode_cls_token: bert.pooling === 'cls',
      pooling_mode_mean_tokens: bert.pooling === 'mean',
      pooling_mode_max_tokens: bert.pooling === 'max',
      pooling_mode_mean_sqrt_len_tokens: false,
    }),
  );
  for (const step of [...steps, 'normalize'] as const) {
    if (step === 'normalize') {
      await add('Normalize', (path) => writeJson(join(path, 'config.json'), {}));
      continue;
    }
    const { weight, bias, inFeatures, outFeatures } = step.layer;
    await add('Dense', async (path) => {
      await writeJson(join(path, 'config.json'), {
        in_features: inFeatures,
        out_features: outFeatures,
        bias: bias !== undefined,
        activation_function: ACTIVATIONS[step.activation],
      });
      const layer: Tensors = new Map([['linear.weight', matrix(weight, outFeatures, inFeatures)]]);
      if (bias) layer.set('linear.bias', matrix(bias, outFeatures));
      await writeSafetensors(join(path, 'model.safetensors'), layer, METADATA);
    });
  }
  await writeJson(join(folder, 'modules.json'), modules);
}
