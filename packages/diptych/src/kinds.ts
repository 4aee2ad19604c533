import {
  ConfigError,
  type Fusion,
  type ImageEncoder,
  type ImageTransform,
  type JsonObject,
  type PartDescription,
  type Stateful,
  type TextEncoder,
  type Tokenizer,
} from '@diptych/core';
import { AttentionFusion, BottleneckFusion, CoAttentionFusion, ConcatMlpFusion, GatedFusion } from '@diptych/fusion';
import { BlankGenerator } from '@diptych/nn';
import { imageTransformFromOptions } from '@diptych/preprocess/image';
import { tokenizerFromOptions } from '@diptych/preprocess/text';
import { BagOfTokens, Bert, ClipText, SiglipText, SmallTransformer } from '@diptych/text';
import { MultiModalEncoder, type MultiModalEncoderOptions } from '@diptych/train';
import { IMAGE_ENCODER_KINDS, imageEncoderFrom } from '@diptych/vision';

/** A part that a model folder describes. */
export type Part = Stateful | ImageTransform | Tokenizer;

/** What a builder may need beside the options. */
export interface BuildContext {
  /** Folder with the part's own files (a vocabulary). */
  readonly folder: string;
  /** Builds a part inside this one. */
  readonly build: <Inner extends Part>(description: PartDescription) => Inner;
}

/** Builds a part from the options in its description; its weights are loaded afterwards. */
export type PartBuilder = (options: JsonObject, context: BuildContext) => Part;

/** Builders by kind, for parts of one's own: `load(dir, { parts: { 'my/encoder': (options) => new MyEncoder(options) } })`. */
export type PartBuilders = Readonly<Record<string, PartBuilder>>;

/** A class that is built from one object of options. */
type FromOptions = new (options: never) => Stateful;
/** A class that is built from an architecture (a name or a configuration) and options. */
type FromArchitecture = new (architecture: never, options: never) => Stateful;

/** Descriptions hold what the classes' own `describe()` wrote, so the options are theirs. The folder brings the weights: draw none. */
const fromOptions =
  (Class: FromOptions): PartBuilder =>
  (options) =>
    new Class({ ...options, generator: new BlankGenerator() } as never);

const fromArchitecture =
  (Class: FromArchitecture): PartBuilder =>
  ({ architecture, ...options }) =>
    new Class(architecture as never, { ...options, generator: new BlankGenerator() } as never);

/** Every kind that diptych's own packages write. */
const KNOWN_KINDS: PartBuilders = {
  'preprocess/image-transform': (options) => imageTransformFromOptions(options),
  'preprocess/tokenizer': (options, { folder }) => tokenizerFromOptions(options, folder),
  ...Object.fromEntries(
    IMAGE_ENCODER_KINDS.map((kind): [string, PartBuilder] => [
      kind,
      (options) => imageEncoderFrom({ kind, options }, new BlankGenerator()),
    ]),
  ),
  'text/bag-of-tokens': fromOptions(BagOfTokens),
  'text/small-transformer': fromOptions(SmallTransformer),
  'text/bert': fromArchitecture(Bert),
  'text/clip': fromArchitecture(ClipText),
  'text/siglip': fromArchitecture(SiglipText),
  'fusion/attention': fromOptions(AttentionFusion),
  'fusion/bottleneck': fromOptions(BottleneckFusion),
  'fusion/co-attention': fromOptions(CoAttentionFusion),
  'fusion/concat-mlp': fromOptions(ConcatMlpFusion),
  'fusion/gated': fromOptions(GatedFusion),
  'train/multi-modal-encoder': ({ image, text, fusion, ...rest }, { build }) =>
    new MultiModalEncoder<Fusion | undefined>({
      ...(rest as Partial<MultiModalEncoderOptions<Fusion>>),
      image: build<ImageEncoder>(image as unknown as PartDescription),
      text: build<TextEncoder>(text as unknown as PartDescription),
      fusion: fusion ? build<Fusion>(fusion as unknown as PartDescription) : undefined,
    }),
};

/**
 * Builds a part from its description.
 *
 * @param own builders that go before diptych's
 * @throws ConfigError if nobody knows its kind
 */
export function buildPart<Built extends Part>(
  { kind, options }: PartDescription,
  own: PartBuilders,
  folder: string,
): Built {
  const builders = { ...KNOWN_KINDS, ...own };
  const builder = Object.hasOwn(builders, kind) ? builders[kind] : undefined;
  if (!builder) {
    throw new ConfigError({
      where: 'diptych.load',
      expected: `one of the kinds ${Object.keys(builders).join(', ')}`,
      got: kind,
      remedy: `pass its builder: load(dir, { parts: { '${kind}': (options) => … } })`,
    });
  }
  return builder(options, { folder, build: (inner) => buildPart(inner, own, folder) }) as Built;
}
