import { ConfigError, checkOptions, type JsonObject, type OptionNames, type RgbImage } from '@diptych/core';
import { type Argument, printCall } from './print-call.js';
import type { FloatImage, StepInfo } from './step.js';

/** The end of a pipeline's pixel part: bytes become floats. */
export interface ToTensorStep extends StepInfo {
  (image: RgbImage): FloatImage;
  /** What a byte is multiplied by; undefined stands for a division by 255. */
  readonly rescaleFactor: number | undefined;
}

/** Settings of {@link toTensor}. */
export interface ToTensorOptions {
  /** What a byte is multiplied by, `rescale_factor` in the hub's files. Default: a division by 255. */
  readonly rescaleFactor?: number;
}

const TO_TENSOR_OPTIONS: OptionNames<ToTensorOptions> = {
  rescaleFactor: 'optional',
};

/**
 * Bytes to floats from 0 to 1, `byte / 255` in float32, as `torchvision.transforms.ToTensor`; channels stay last.
 *
 * @throws ConfigError for a factor that is not a finite number
 */
export function toTensor(settings: ToTensorOptions = {}): ToTensorStep {
  checkOptions('preprocess.toTensor', settings, TO_TENSOR_OPTIONS);
  const { rescaleFactor } = settings;
  if (rescaleFactor !== undefined && !(Number.isFinite(rescaleFactor) && rescaleFactor !== 0)) {
    throw new ConfigError({
      where: 'preprocess.toTensor',
      expected: 'rescaleFactor to be a finite number other than 0',
      got: String(rescaleFactor),
    });
  }
  const table = byteTable(rescaleFactor);
  const step = ({ data, height, width }: RgbImage): FloatImage => ({
    data: Float32Array.from(data, (byte) => table[byte]!),
    height,
    width,
  });
  const args: Argument[] = rescaleFactor === undefined ? [] : [{ rescaleFactor }];
  const options: JsonObject = { rescaleFactor };
  return Object.assign(step, { op: 'toTensor', options, rescaleFactor, toString: () => printCall('toTensor', args) });
}

/** The float32 value of each byte. */
export function byteTable(rescaleFactor: number | undefined): Float32Array {
  return Float32Array.from({ length: 256 }, (_, byte) =>
    rescaleFactor === undefined ? byte / 255 : byte * rescaleFactor,
  );
}
