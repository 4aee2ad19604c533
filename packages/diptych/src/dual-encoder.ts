import {
  ConfigError,
  checkOptions,
  type Fusion,
  type ImageEncoder,
  type ImageTransform,
  type JsonObject,
  Matrix,
  type TextEncoder,
  type TokenizeOptions,
  type Tokenizer,
  WeightsError,
} from '@diptych/core';
import { imageTransform } from '@diptych/preprocess/image';
import { tokenizerFromSource } from '@diptych/preprocess/text';
import { ClipText, SiglipText, type TextPretrainedOptions } from '@diptych/text';
import { MultiModalEncoder } from '@diptych/train';
import { ClipVision, SiglipVision } from '@diptych/vision';
import {
  modelSource,
  type OpenSourceOptions,
  openSource,
  openTensors,
  readArchitecture,
  type WeightSource,
} from '@diptych/weights';
import { type BatchOptions, JointModel, type Picture } from './joint-model.js';

/** Options of {@link DualEncoder.fromPretrained}. */
export interface DualEncoderOptions {
  /** Revision, token, endpoint, progress, for models on the hub. */
  readonly hub?: OpenSourceOptions;
  /** In place of the transform that the checkpoint's files describe. */
  readonly transform?: ImageTransform;
  /** In place of the tokenizer that lies beside the weights. */
  readonly tokenizer?: Tokenizer;
  /** Rows of the token table where the tokenizer has more than the checkpoint, and how new ones start (of text). */
  readonly vocabSize?: number;
  readonly newTokens?: TextPretrainedOptions['newTokens'];
}

/** How a family's towers are made and how its texts are laid out. */
interface Family {
  readonly image: (source: WeightSource) => Promise<ClipVision | SiglipVision>;
  readonly text: (source: WeightSource, options: TextPretrainedOptions) => Promise<ClipText | SiglipText>;
  /** SigLIP reads full rows; CLIP's are of few lengths, since a compiling engine holds the tower's weights once for each. */
  readonly tokenize: Pick<TokenizeOptions, 'padding' | 'padToMultipleOf'>;
  /** CLIP keeps the factor on similarities between 1 and 100. */
  readonly maxScale: number | null;
  /** The family's own preprocessing, for a checkpoint whose files say nothing of it. */
  readonly transform: (size: number) => JsonObject;
}

/** By `model_type` of config.json. The fixed-size checkpoints of SigLIP 2 call themselves siglip. */
const FAMILIES: Readonly<Record<string, Family>> = {
  clip: {
    image: (source) => ClipVision.fromPretrained(source),
    text: (source, options) => ClipText.fromPretrained(source, options),
    tokenize: { padding: 'longest', padToMultipleOf: 16 },
    maxScale: 100,
    transform: (size) => ({ image_processor_type: 'CLIPImageProcessor', size, crop_size: size }),
  },
  siglip: {
    image: (source) => SiglipVision.fromPretrained(source),
    text: (source, options) => SiglipText.fromPretrained(source, options),
    tokenize: { padding: 'max_length' },
    maxScale: null,
    transform: (size) => ({ image_processor_type: 'SiglipImageProcessor', size: { height: size, width: size } }),
  },
};

/**
 * CLIP or SigLIP, whole: both towers with their projections, the logit scale (and bias), the image transform and the
 * tokenizer that belong to the weights. It embeds, classifies without training, and its `encoder` is a MultiModalEncoder
 * that a Trainer fine-tunes (loss `InfoNCE` for CLIP, `SigLIP` for SigLIP); `save` and `load` work on it.
 */
export class DualEncoder extends JointModel {
  /**
   * Loads a checkpoint of transformers' CLIPModel or SiglipModel.
   *
   * @param model a hub id (`openai/clip-vit-base-patch32`, `google/siglip-base-patch16-224`), a folder, or a source
   * @throws WeightsError if files are missing or do not fit; HubError if the download fails; ConfigError if the model is of
   *   another kind, or brings no tokenizer and none is given
   */
  static async fromPretrained(model: string | WeightSource, options: DualEncoderOptions = {}): Promise<DualEncoder> {
    checkOptions('diptych.DualEncoder.fromPretrained', options, {
      hub: 'optional',
      transform: 'optional',
      tokenizer: 'optional',
      vocabSize: 'optional',
      newTokens: 'optional',
    });
    const source = await modelSource(openSource(model, options.hub));
    const family = await familyOf(source);
    const scale = await scaleOf(source);
    const tokenizer = options.tokenizer ?? (await tokenizerOf(source));
    const image = await family.image(source);
    let text: ClipText | SiglipText | undefined;
    try {
      const { vocabSize, newTokens } = options;
      text = await family.text(source, { vocabSize, newTokens });
      for (const tower of [image, text]) checkProjected(tower, source);
      const transform = options.transform ?? imageTransform(image.transform ?? family.transform(image.imageSize));
      const encoder = new MultiModalEncoder<Fusion | undefined>({
        image: image as ImageEncoder,
        text: text as TextEncoder,
        maxScale: family.maxScale,
        ...scale,
      });
      const { padding, padToMultipleOf } = family.tokenize;
      // a tokenizer pads beyond `maxLength`, up to its own
      const padsWithin = padToMultipleOf !== undefined && tokenizer.maxLength <= text.maxLength;
      const tokenize = { padding, maxLength: text.maxLength, ...(padsWithin && { padToMultipleOf }) };
      return new DualEncoder({ encoder, transform, tokenizer, tokenize });
    } catch (error) {
      image.dispose();
      text?.dispose();
      throw error;
    }
  }

  /**
   * Zero-shot classification: how likely each picture shows each label, if it shows one of them. With several templates,
   * a label's embedding is the mean over its sentences (Radford et al. 2021, section 3.1.4).
   *
   * @param labels words for the template
   * @param templates sentences in which `{}` stands for the label
   * @returns for each picture one probability a label: the softmax of scale * cosine
   * @throws ConfigError without labels, or for a template without `{}`; InputError if a picture cannot be read
   */
  async classify(
    images: readonly Picture[],
    labels: readonly string[],
    templates: readonly string[] = ['a photo of a {}.'],
    options: BatchOptions = {},
  ): Promise<number[][]> {
    if (labels.length === 0 || templates.length === 0 || templates.some((template) => !template.includes('{}'))) {
      throw new ConfigError({
        where: 'diptych.DualEncoder.classify',
        expected: 'labels, and templates with {} in the place of the label',
        got: `${labels.length} labels, templates ${JSON.stringify(templates)}`,
      });
    }
    const sentences = labels.flatMap((label) => templates.map((template) => template.replaceAll('{}', label)));
    const pictures = await this.embedImages(images, options);
    const classes = meanOfRuns(await this.embedText(sentences, options), templates.length);
    const scale = await this.logitScale();
    return this.similarity(pictures, classes)
      .toArray()
      .map((cosines) => softmax(cosines.map((cosine) => scale * cosine)));
  }
}

/** The mean of every `run` neighbouring rows, of length 1. */
function meanOfRuns({ data, shape: [rows, width] }: Matrix, run: number): Matrix {
  const means = new Float32Array((rows / run) * width);
  for (let row = 0; row < rows / run; row++) {
    const mean = means.subarray(row * width, (row + 1) * width);
    for (let i = 0; i < run * width; i++) mean[i % width]! += data[row * run * width + i]!;
    const length = Math.hypot(...mean);
    for (let i = 0; i < width; i++) mean[i]! /= length;
  }
  return new Matrix(means, [rows / run, width]);
}

function softmax(logits: readonly number[]): number[] {
  const top = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - top));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

async function familyOf(source: WeightSource): Promise<Family> {
  const { library, architecture: type } = await readArchitecture(source);
  const family = library === 'transformers' && Object.hasOwn(FAMILIES, type) ? FAMILIES[type] : undefined;
  if (family) return family;
  throw new ConfigError({
    where: `diptych.DualEncoder: ${source.name}/config.json`,
    expected: `a model_type of ${Object.keys(FAMILIES).join(', ')}`,
    got: type,
    remedy: 'load the towers one by one and join them: new MultiModalEncoder({ image, text })',
  });
}

/**
 * One of the two may be loaded with a projection that is yet to be trained; together they would be strangers.
 *
 * @throws WeightsError if the checkpoint has no projection of the width that its configuration says
 */
function checkProjected({ report, embedDim }: ClipVision | ClipText | SiglipVision | SiglipText, source: WeightSource) {
  const [missing] = report?.fresh ?? [];
  if (!missing) return;
  throw new WeightsError({
    where: `diptych.DualEncoder: ${source.name}`,
    expected: `a tensor ${missing.name} that projects to ${embedDim} numbers, as projection_dim of config.json says`,
    got: missing.checkpoint ?? 'none',
    remedy: 'take config.json and weights from one checkpoint',
  });
}

/** The learned factor and bias on similarities. */
async function scaleOf(source: WeightSource): Promise<{ logitScale: number; logitBias?: number }> {
  const tensors = await openTensors(source);
  const logitScale = tensors.read('logit_scale').data[0]!;
  return tensors.infos.has('logit_bias')
    ? { logitScale, logitBias: tensors.read('logit_bias').data[0]! }
    : { logitScale };
}

async function tokenizerOf(source: WeightSource): Promise<Tokenizer> {
  const files = await source.list();
  if (
    ['tokenizer.json', 'vocab.txt', 'vocab.json', 'spiece.model', 'tokenizer.model'].some((file) =>
      files.includes(file),
    )
  ) {
    return tokenizerFromSource(source);
  }
  throw new ConfigError({
    where: `diptych.DualEncoder: ${source.name}`,
    expected: 'a tokenizer.json beside the weights',
    got: 'none',
    remedy: 'pass one: DualEncoder.fromPretrained(model, { tokenizer: tokenizer(folder) })',
  });
}
