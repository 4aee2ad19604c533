import { ConfigError, checkOptions, type JsonObject } from '@diptych/core';
import { printCall } from './print-call.js';
import type { FloatImage, StepInfo } from './step.js';

/** Mean and standard deviation of each channel: red, green, blue. */
export interface Normalization {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** A step that shifts and scales the channels of floats. */
export interface NormalizeStep extends StepInfo, Normalization {
  (image: FloatImage): FloatImage;
}

/** Published means and standard deviations; {@link normalize} takes their names. */
export const NORMALIZATIONS = {
  /** torchvision's and timm's. */
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  /** OpenAI's CLIP. */
  clip: { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] },
  /** 0.5 for all: floats from 0 to 1 become -1 to 1 (ViT, SigLIP). */
  half: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
} as const satisfies Record<string, Normalization>;

/** The same by themselves: `normalize(half)`. */
export const { imagenet, clip, half } = NORMALIZATIONS;

/** A name of {@link NORMALIZATIONS}. */
export type NormalizationName = keyof typeof NORMALIZATIONS;

/**
 * `(x - mean) / std` per channel in float32, as `torchvision.transforms.Normalize`.
 *
 * ```ts
 * normalize('imagenet');
 * normalize({ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] });
 * ```
 *
 * @param by a name of {@link NORMALIZATIONS}, or numbers of your own
 * @throws ConfigError for an unknown name, or unless there are three finite means and three finite standard deviations other
 *   than 0
 */
export function normalize(by: NormalizationName | Normalization): NormalizeStep {
  if (typeof by !== 'string') checkOptions('preprocess.normalize', by, { mean: 'required', std: 'required' });
  const { mean, std } = typeof by === 'string' ? namedNormalization(by) : by;
  const isTriple = (values: unknown) => Array.isArray(values) && values.length === 3 && values.every(Number.isFinite);
  if (!isTriple(mean) || !isTriple(std) || std.includes(0)) {
    throw new ConfigError({
      where: 'preprocess.normalize',
      expected: 'mean and std of three finite numbers each, std without 0',
      got: `mean ${JSON.stringify(mean)}, std ${JSON.stringify(std)}`,
    });
  }
  const apply = ({ data, height, width }: FloatImage): FloatImage => {
    const shifts = mean.map(Math.fround);
    const scales = std.map(Math.fround);
    const normalized = new Float32Array(data.length);
    for (let i = 0; i < data.length; i++) {
      normalized[i] = Math.fround(data[i]! - shifts[i % 3]!) / scales[i % 3]!;
    }
    return { data: normalized, height, width };
  };
  const options: JsonObject = { mean, std };
  return Object.assign(apply, {
    op: 'normalize',
    options,
    mean,
    std,
    toString: () => printCall('normalize', [{ mean, std }]),
  });
}

function namedNormalization(name: string): Normalization {
  if (Object.hasOwn(NORMALIZATIONS, name)) return NORMALIZATIONS[name as NormalizationName];
  throw new ConfigError({
    where: 'preprocess.normalize',
    expected: `one of '${Object.keys(NORMALIZATIONS).join("', '")}', or { mean, std }`,
    got: JSON.stringify(name),
  });
}
