import {
  ConfigError,
  type ImageEncoder,
  isDiptychError,
  type TextEncoder,
  type TokenizeOptions,
  type Tokenizer,
} from '@diptych/core';
import { tokenizerFromSource } from '@diptych/preprocess/text';
import { textEncoderFromPretrained } from '@diptych/text';
import { imageEncoderFromPretrained } from '@diptych/vision';
import { type OpenSourceOptions, openSource } from '@diptych/weights';
import { DualEncoder } from 'diptych';
import { type Framed, framed } from './framed.js';
import type { TowerNames } from './tower-names.js';

/** Two towers with what feeds them. */
export interface Towers {
  readonly image: ImageEncoder;
  readonly text: TextEncoder;
  readonly transform: Framed;
  readonly tokenizer: Tokenizer;
  readonly tokenize: TokenizeOptions;
  /** Of a dual encoder, whose towers know each other: ln of its factor on similarities. */
  readonly logitScale?: number;
}

/** Captions are padded to the longest of their batch, in steps of this, so that few lengths are compiled. */
const PAD_TO_MULTIPLE_OF = 16;
/** Longest caption in tokens; what is longer is cut. */
const MAX_LENGTH = 64;

/**
 * Loads the towers.
 *
 * @throws WeightsError, HubError or ConfigError if one cannot be had or is of another kind
 */
export async function openTowers(names: TowerNames): Promise<Towers> {
  if ('model' in names) {
    const { encoder, transform, tokenizer, tokenize } = await DualEncoder.fromPretrained(names.model);
    const { image, text, logitScale } = encoder;
    const [scale] = await logitScale.data();
    // its steps are those of preprocess, which it made itself
    return { image, text, transform: framed(transform as never), tokenizer, tokenize, logitScale: scale! };
  }
  const image = await imageEncoderFromPretrained(names.image);
  try {
    if (!image.transform) {
      throw new ConfigError({
        where: `--image ${names.image}`,
        expected: 'a checkpoint that says how its pictures are prepared',
        got: 'none of preprocessor_config.json and pretrained_cfg',
        remedy: 'add preprocessor_config.json to the folder',
      });
    }
    const text = await textEncoderFromPretrained(names.text);
    const maxLength = Math.min(MAX_LENGTH, text.tokenizer?.maxLength ?? MAX_LENGTH);
    return {
      image,
      text,
      transform: framed(image.transform),
      tokenizer: await tokenizerFromSource(openSource(names.text)),
      tokenize: { maxLength, padToMultipleOf: PAD_TO_MULTIPLE_OF },
    };
  } catch (error) {
    image.dispose();
    throw error;
  }
}

/** One quick question: a person waits, and training from nothing is the answer otherwise. */
const QUICK: OpenSourceOptions = { retry: { retries: 0, stallTimeout: 5_000 } };

/** Why a tower cannot be had right now; undefined where it can. */
export async function unreachable(name: string): Promise<string | undefined> {
  try {
    await openSource(name, QUICK).read('config.json');
    return undefined;
  } catch (error) {
    if (isDiptychError(error)) return error.message;
    throw error;
  }
}
