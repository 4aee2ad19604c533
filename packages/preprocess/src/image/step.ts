import { type JsonObject, plainSample, type RgbImage, type SampleContext, SampleRandom, siteOf } from '@diptych/core';
import { type Argument, printCall } from './print-call.js';

/** Height and width of a picture in pixels. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/** What steps know about themselves: how to print, describe and rebuild them. */
export interface StepInfo {
  /** Name of the factory, e.g. `resize`. */
  readonly op: string;
  /** Options of the factory as JSON: `stepFromOptions({ op, ...options })` builds the same step. */
  readonly options: JsonObject;
  /** The call that makes the step, e.g. `resize(256, 'bicubic')`. */
  toString(): string;
}

/**
 * A transform of 8-bit pixels: a plain function that never changes its input.
 *
 * @param context what the picture is transformed for; random steps draw from it in training and do nothing random
 *   otherwise. Default: no training
 * @param path place in a pipeline; two random steps of one pipeline draw different numbers by it
 */
export interface PixelStep extends StepInfo {
  (image: RgbImage, context?: SampleContext, path?: string): RgbImage;
  /** Size of the result for an input of this size; undefined where it is not fixed. */
  outputSize(input: Size | undefined): Size | undefined;
}

/** Pixels as floats, channels last. */
export interface FloatImage extends Size {
  /** height * width * 3 values. */
  readonly data: Float32Array;
}

/** @internal What {@link pixelStep} needs. */
export interface PixelStepDefinition {
  readonly op: string;
  /** Arguments as a person writes them. */
  readonly args: readonly Argument[];
  readonly options: JsonObject;
  /** Default: the size stays. */
  outputSize?(input: Size | undefined): Size | undefined;
  apply(image: RgbImage, context: SampleContext, random: () => SampleRandom, path: string): RgbImage;
}

/** Makes a step: a function with a name, options and a way to print itself. */
export function pixelStep({ op, args, options, outputSize, apply }: PixelStepDefinition): PixelStep {
  const step = (image: RgbImage, context: SampleContext = plainSample, path = '') =>
    apply(image, context, () => new SampleRandom(context, siteOf(path + op)), path);
  return Object.assign(step, {
    op,
    options,
    outputSize: outputSize ?? ((input: Size | undefined) => input),
    toString: () => printCall(op, args),
  });
}
