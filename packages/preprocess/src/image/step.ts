import {
  checkFunction,
  checkOptions,
  checkText,
  type JsonObject,
  type OptionNames,
  plainSample,
  type RgbImage,
  type SampleContext,
  SampleRandom,
  siteOf,
} from '@diptych/core';
import { type Argument, printCall } from './print-call.js';

/** Height and width of a picture in pixels. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/** What steps know about themselves: how to print, describe and rebuild them. */
export interface StepInfo {
  /** Name of the factory, e.g. `resize`; for a step of your own its registered kind, `my/blur`. */
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

/** What {@link pixelStep} needs. */
export interface PixelStepDefinition {
  /** A step of your own: its registered kind, with a slash (`my/blur`). */
  readonly op: string;
  /** What builds the same step again, as JSON. */
  readonly options: JsonObject;
  /** Arguments as a person writes them. Default: the options. */
  readonly args?: readonly Argument[];
  /** Default: the size stays. */
  outputSize?(input: Size | undefined): Size | undefined;
  /**
   * Gives new pixels, and leaves the old ones as they are.
   *
   * @param random numbers of this step, this picture and this epoch, the same on every machine
   */
  apply(image: RgbImage, context: SampleContext, random: () => SampleRandom, path: string): RgbImage;
}

const DEFINITION: OptionNames<PixelStepDefinition> = {
  op: 'required',
  args: 'optional',
  options: 'required',
  outputSize: 'optional',
  apply: 'required',
};

/**
 * Makes a pixel step: a function with a name, options and a way to print itself. With its factory registered, a step of
 * your own is saved with a model, loaded, and built in worker threads:
 *
 * ```js
 * const blur = ({ radius }) => pixelStep({ op: 'my/blur', options: { radius }, apply: (image) => … });
 * registerKinds({ 'my/blur': blur }, import.meta.url);
 * ```
 */
export function pixelStep(definition: PixelStepDefinition): PixelStep {
  const where = 'preprocess.pixelStep';
  checkOptions(where, definition, DEFINITION);
  const { op, args, options, outputSize, apply } = definition;
  checkText(where, 'op', op);
  checkFunction(where, 'apply', apply);
  const step = (image: RgbImage, context: SampleContext = plainSample, path = '') =>
    apply(image, context, () => new SampleRandom(context, siteOf(path + op)), path);
  return Object.assign(step, {
    op,
    options,
    outputSize: outputSize ?? ((input: Size | undefined) => input),
    toString: () => printCall(op, args ?? [options as Argument]),
  });
}
