import {
  ConfigError,
  type Fusion,
  type Head,
  type ImageEncoder,
  type ImageTransform,
  isStateful,
  type Json,
  type JsonObject,
  type PartDescription,
  type Stateful,
  type TextEncoder,
  type Tokenizer,
} from '@diptych/core';
import { AttentionFusion, BottleneckFusion, CoAttentionFusion, ConcatMlpFusion, GatedFusion } from '@diptych/fusion';
import { BlankGenerator, Linear } from '@diptych/nn';
import { imageTransformFromOptions } from '@diptych/preprocess/image';
import { tokenizerFromOptions } from '@diptych/preprocess/text';
import { BagOfTokens, Bert, ClipText, SiglipText, SmallTransformer } from '@diptych/text';
import {
  Classification,
  HeadedTower,
  ImageFeatureHead,
  type Matcher,
  MultiModalEncoder,
  type MultiModalEncoderOptions,
  Regression,
  TextFeatureHead,
} from '@diptych/train';
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
  'train/image-feature-head': fromOptions(ImageFeatureHead),
  'train/text-feature-head': fromOptions(TextFeatureHead),
  'train/headed-tower': ({ tower, embedDim }, { build }) => {
    const inside = build<ImageEncoder>(described(tower));
    const head = new Linear(inside.embedDim, Number(embedDim), { generator: new BlankGenerator() });
    return new HeadedTower(inside, head);
  },
  'train/classification': fromOptions(Classification),
  'train/regression': fromOptions(Regression),
  'train/multi-modal-encoder': ({ image, text, fusion, matcher, heads, ...rest }, { build }) =>
    new MultiModalEncoder<Fusion | undefined>({
      ...(rest as Partial<MultiModalEncoderOptions<Fusion>>),
      image: build<ImageEncoder>(described(image)),
      text: build<TextEncoder>(described(text)),
      fusion: fusion ? build<Fusion>(described(fusion)) : undefined,
      matcher: typeof matcher === 'object' && matcher ? build<Matcher>(described(matcher)) : matcher === true,
      heads: Object.fromEntries(
        Object.entries(heads ?? {}).map(([name, head]) => [name, build<Head>(described(head))]),
      ),
      generator: new BlankGenerator(),
    }),
};

/** @throws ConfigError unless it describes a part */
function described(value: Json | undefined): PartDescription {
  const part = value as Partial<PartDescription> | null | undefined;
  if (typeof part?.kind === 'string' && typeof part.options === 'object') return part as PartDescription;
  throw new ConfigError({
    where: 'diptych.load',
    expected: 'a part with kind and options',
    got: JSON.stringify(value),
  });
}

/**
 * Builds a part from its description.
 *
 * @param own builders that go before diptych's
 * @throws ConfigError that names every kind in it that nobody knows; what was built by then is freed
 */
export function buildPart<Built extends Part>(description: PartDescription, own: PartBuilders, folder: string): Built {
  const builders = { ...KNOWN_KINDS, ...own };
  const built: Part[] = [];
  const build = <Inner extends Part>({ kind, options }: PartDescription): Inner => {
    const part = builders[kind]!(options, { folder, build });
    built.push(part);
    return part as Inner;
  };
  checkKinds(description, builders);
  try {
    return build<Built>(description);
  } catch (error) {
    // the parts inside of one that could not be built
    for (const part of built) if (isStateful(part)) part.dispose();
    throw error;
  }
}

function checkKinds(description: PartDescription, builders: PartBuilders): void {
  const unknown = [...new Set(kindsIn(description))].filter((kind) => !Object.hasOwn(builders, kind));
  if (unknown.length === 0) return;
  throw new ConfigError({
    where: 'diptych.load',
    expected: `kinds of ${Object.keys(builders).join(', ')}`,
    got: unknown.join(', '),
    remedy: `pass their builders: load(dir, { parts: { ${unknown.map((kind) => `'${kind}': (options) => …`).join(', ')} } })`,
  });
}

/** The kinds of a part and of everything described in its options. */
function kindsIn(value: Json | PartDescription | undefined): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const { kind, options } = value as Partial<PartDescription>;
  const own = typeof kind === 'string' && typeof options === 'object' ? [kind] : [];
  return [...own, ...Object.values(value as JsonObject).flatMap(kindsIn)];
}
