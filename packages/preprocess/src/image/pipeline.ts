import {
  ConfigError,
  checkOptions,
  type ImageSource,
  type ImageTransform,
  type JsonObject,
  type OptionNames,
  type PartDescription,
  plainSample,
  type RgbImage,
  type SampleContext,
  ShapeError,
} from '@diptych/core';
import type { CenterCropStep } from './crop.js';
import type { DecodeOptions } from './decode-options.js';
import { ImageDecoder } from './image-decoder.js';
import type { Normalization, NormalizeStep } from './normalize.js';
import { type Argument, printCall } from './print-call.js';
import type { ResizeStep } from './resize.js';
import type { FloatImage, PixelStep, Size, StepInfo } from './step.js';
import { byteTable, type ToTensorStep } from './to-tensor.js';

/** A step of a pipeline: one of ours, or any plain function of pixels. */
export type Step = StepInfo | PlainPixelFunction;

/** A user's own transform: gets pixels and their context, gives new pixels. */
export type PlainPixelFunction = (image: RgbImage, context: SampleContext) => RgbImage;

/** Settings of {@link compose}. */
export interface ComposeOptions {
  /** How encoded images are read. */
  readonly decode?: DecodeOptions;
  /** [height, width] of the result, for pipelines that end with a function of your own; it is checked for each image. */
  readonly outputSize?: readonly [height: number, width: number];
}

type PixelFunction = (image: RgbImage, context: SampleContext) => RgbImage;

const where = 'preprocess.compose';

const OPTIONS: OptionNames<ComposeOptions> = { decode: 'optional', outputSize: 'optional' };

const DECODE: OptionNames<DecodeOptions> = {
  orient: 'optional',
  onto: 'optional',
  maxPixels: 'optional',
  maxBytes: 'optional',
};

/**
 * Chains transforms, as `torchvision.transforms.Compose`: pixel steps first, then `toTensor()`, then at most one
 * `normalize()`. A nested pipeline stands for its steps.
 *
 * ```js
 * const transform = compose([resize(256), centerCrop(224), toTensor(), normalize('imagenet')]);
 * ```
 *
 * @throws ConfigError if the order is another one
 */
export function compose(steps: readonly (Step | ImagePipeline)[], options: ComposeOptions = {}): ImagePipeline {
  return new ImagePipeline(steps, options);
}

/** @throws ConfigError for what is no list of steps */
function checkSteps(steps: readonly (Step | ImagePipeline)[]): void {
  const remedy = "compose([resize(256), centerCrop(224), toTensor(), normalize('imagenet')])";
  if (!Array.isArray(steps)) {
    throw new ConfigError({ where, expected: 'a list of steps', got: steps === null ? 'null' : typeof steps, remedy });
  }
  for (const [index, step] of steps.entries()) {
    if (step !== null && step !== undefined) continue;
    throw new ConfigError({
      where: `${where}: [${index}]`,
      expected: 'a step, a pipeline or a function of pixels',
      got: String(step),
      remedy,
    });
  }
}

/**
 * A chain of transforms from an encoded image to the floats of a network; made by {@link compose}.
 *
 * The last steps are fused: bytes go through a table of 256 floats a channel straight into the batch buffer, and a centre
 * crop that follows a resize limits what the resize computes.
 */
export class ImagePipeline implements ImageTransform {
  readonly steps: readonly Step[];
  readonly decodeOptions: DecodeOptions;
  readonly #decoder: ImageDecoder;
  /** True if the steps may borrow the pixels: none of them is a function that might keep them. */
  readonly #mayBorrow: boolean;
  readonly #pixelFunctions: readonly PixelFunction[];
  readonly #toTensor: ToTensorStep | undefined;
  readonly #normalize: NormalizeStep | undefined;
  readonly #table: Int32Array;
  readonly #size: Size | undefined;

  constructor(steps: readonly (Step | ImagePipeline)[], options: ComposeOptions = {}) {
    checkOptions(where, options, OPTIONS);
    const { decode = {}, outputSize } = options;
    checkOptions(`${where}: decode`, decode, DECODE);
    checkSteps(steps);
    this.#decoder = new ImageDecoder(decode);
    this.decodeOptions = decode;
    this.steps = steps.flatMap((step) => (step instanceof ImagePipeline ? step.steps : [step]));
    const { pixels, toTensor, normalize } = splitSteps(this.steps);
    this.#mayBorrow = pixels.every(isPixelStep);
    this.#pixelFunctions = fuse(pixels);
    this.#toTensor = toTensor;
    this.#normalize = normalize;
    this.#table = channelTable(toTensor, normalize);
    this.#size = outputSize ? { height: outputSize[0], width: outputSize[1] } : sizeAfter(pixels);
  }

  /**
   * [height, width, 3].
   *
   * @throws ConfigError if the steps leave the size to the picture
   */
  get outputShape(): readonly [number, number, number] {
    if (!this.#size) {
      throw new ConfigError({
        where,
        problem: `the output size of ${this} depends on the picture`,
        remedy: 'end the pixel steps with a fixed size (centerCrop, resize to [height, width]), or pass outputSize',
      });
    }
    return [this.#size.height, this.#size.width, 3];
  }

  /**
   * What is left to do where bytes are kept (`intoBytes`): `(byte / 255 - mean) / std`.
   */
  get normalization(): Normalization {
    const factor = 255 * (this.#toTensor?.rescaleFactor ?? 1 / 255);
    const { mean, std } = this.#normalize ?? { mean: [0, 0, 0], std: [1, 1, 1] };
    const scaled = (values: readonly number[]) => values.map((value) => value / factor) as [number, number, number];
    return { mean: scaled(mean), std: scaled(std) };
  }

  /**
   * Decodes an encoded image as this pipeline does first, so that a loader may keep the pixels of small pictures.
   *
   * @throws InputError if the image cannot be decoded
   */
  decode(image: ImageSource): Promise<RgbImage> {
    return this.#decoder.withDecoded(image, owned);
  }

  /** The pixels that the pixel steps give, before `toTensor`; decodes where needed. */
  async pixels(image: ImageSource | RgbImage, context: SampleContext = plainSample): Promise<RgbImage> {
    return this.#use(image, context, owned);
  }

  /** One image as floats, channels last. */
  async apply(image: ImageSource | RgbImage, context: SampleContext = plainSample): Promise<FloatImage> {
    return this.#use(image, context, (pixels) => {
      const data = new Float32Array(pixels.data.length);
      this.#writeFloats(pixels, data, 0);
      return { data, height: pixels.height, width: pixels.width };
    });
  }

  async into(
    image: ImageSource | RgbImage,
    target: Float32Array,
    offset: number,
    context: SampleContext = plainSample,
  ): Promise<void> {
    this.#checkTarget(target.length, offset);
    await this.#use(image, context, (pixels) => this.#writeFloats(this.#checkPixels(pixels), target, offset));
  }

  /**
   * Like `into`, but writes bytes and leaves `normalization` to the device.
   *
   * @throws InputError if the image cannot be decoded
   */
  async intoBytes(
    image: ImageSource | RgbImage,
    target: Uint8Array,
    offset: number,
    context: SampleContext = plainSample,
  ): Promise<void> {
    this.#checkTarget(target.length, offset);
    await this.#use(image, context, (pixels) => target.set(this.#checkPixels(pixels).data, offset));
  }

  /**
   * How to build the same pipeline in a worker or from a checkpoint.
   *
   * @throws ConfigError if a step is a plain function, which JSON cannot hold
   */
  describe(): PartDescription {
    const steps = this.steps.map((step): JsonObject => {
      if (isStep(step)) return { op: step.op, ...step.options };
      throw new ConfigError({
        where,
        problem: `the step ${printStep(step)} is a plain function, which a description cannot hold`,
        remedy: "make it with pixelStep({ op: 'my/step', options, apply }) and registerKinds() its factory",
      });
    });
    const decode: JsonObject | undefined =
      Object.keys(this.decodeOptions).length > 0 ? { ...this.decodeOptions } : undefined;
    const outputSize = this.#size && [this.#size.height, this.#size.width];
    return {
      kind: 'preprocess/image-transform',
      options: JSON.parse(JSON.stringify({ steps, decode, outputSize })) as JsonObject,
    };
  }

  toString(): string {
    const decode = Object.keys(this.decodeOptions).length > 0 ? { decode: this.decodeOptions as Argument } : undefined;
    return printCall('compose', [this.steps.map(printStep), decode]);
  }

  /** Runs the pixel steps and gives the result to `use`, which borrows it. */
  async #use<T>(image: ImageSource | RgbImage, context: SampleContext, use: (pixels: RgbImage) => T): Promise<T> {
    if (isRgbImage(image)) return use(this.#runPixels(image, context));
    return this.#decoder.withDecoded(image, (borrowed) =>
      use(this.#runPixels(this.#mayBorrow ? borrowed : owned(borrowed), context)),
    );
  }

  #runPixels(image: RgbImage, context: SampleContext): RgbImage {
    checkRgbImage(image);
    let pixels = image;
    for (const step of this.#pixelFunctions) pixels = step(pixels, context);
    return pixels;
  }

  #checkPixels(pixels: RgbImage): RgbImage {
    const [height, width] = this.outputShape;
    if (pixels.height === height && pixels.width === width && pixels.data.length === height * width * 3) return pixels;
    throw new ShapeError({
      where: String(this),
      expected: `pixels of ${width}x${height}`,
      got: `${pixels.width}x${pixels.height} with ${pixels.data.length} bytes`,
      remedy: 'the steps must give every picture the same size',
    });
  }

  #checkTarget(length: number, offset: number): void {
    const [height, width, channels] = this.outputShape;
    const size = height * width * channels;
    if (Number.isInteger(offset) && offset >= 0 && offset + size <= length) return;
    throw new ShapeError({
      where: 'preprocess.ImagePipeline.into',
      expected: `room for ${size} values at offset ${offset}`,
      got: `a target of ${length} values`,
    });
  }

  #writeFloats({ data }: RgbImage, target: Float32Array, offset: number): void {
    if (!this.#toTensor) {
      throw new ConfigError({
        where,
        problem: `${this} gives bytes and not floats`,
        remedy: 'end the list with toTensor() and normalize(…), or ask for pixels() or intoBytes()',
      });
    }
    // Floats are copied as their bits: JavaScript would turn each into a double and back.
    const bits = new Int32Array(target.buffer, target.byteOffset + offset * 4, data.length);
    const table = this.#table;
    for (let i = 0; i < data.length; i += 3) {
      bits[i] = table[data[i]!]!;
      bits[i + 1] = table[256 + data[i + 1]!]!;
      bits[i + 2] = table[512 + data[i + 2]!]!;
    }
  }
}

/** The picture, or a copy where its bytes are borrowed from a decoder's memory. */
function owned(picture: RgbImage): RgbImage {
  const isLent = picture.data.byteLength < picture.data.buffer.byteLength;
  return isLent ? { ...picture, data: picture.data.slice() } : picture;
}

/** True for a decoded picture. */
export function isRgbImage(image: unknown): image is RgbImage {
  return typeof image === 'object' && image !== null && 'data' in image && 'width' in image && 'height' in image;
}

function checkRgbImage({ data, width, height }: RgbImage): void {
  if (width > 0 && height > 0 && data.length === width * height * 3) return;
  throw new ShapeError({
    where,
    expected: 'an RgbImage with width * height * 3 bytes',
    got: `${width}x${height} with ${data.length} bytes`,
  });
}

function isStep(step: Step): step is StepInfo {
  return typeof step === 'function' && 'op' in step && 'options' in step;
}

function isPixelStep(step: Step): step is PixelStep {
  return isStep(step) && 'outputSize' in step;
}

function printStep(step: Step): Argument {
  return isStep(step) ? step : { op: 'function', toString: () => step.name || 'function' };
}

function splitSteps(steps: readonly Step[]) {
  const end = steps.findIndex((step) => isStep(step) && !isPixelStep(step));
  const pixels = end < 0 ? steps : steps.slice(0, end);
  const [toTensor, normalize, ...rest] = end < 0 ? [] : steps.slice(end);
  const inOrder = !toTensor || (isNamed(toTensor, 'toTensor') && (!normalize || isNamed(normalize, 'normalize')));
  const unknown = steps.find((step) => typeof step !== 'function');
  if (unknown !== undefined || !inOrder || rest.length > 0) {
    throw new ConfigError({
      where,
      expected: 'pixel steps, then toTensor(), then at most one normalize()',
      got: `[${steps.map((step) => (typeof step === 'function' ? String(isStep(step) ? step : step.name) : typeof step)).join(', ')}]`,
    });
  }
  return {
    pixels: pixels as readonly (PixelStep | PlainPixelFunction)[],
    toTensor: toTensor as ToTensorStep | undefined,
    normalize: normalize as NormalizeStep | undefined,
  };
}

function isNamed(step: Step, op: string): boolean {
  return isStep(step) && step.op === op;
}

/** Gives each step its place for random draws, and joins a resize with the centre crop behind it. */
function fuse(steps: readonly (PixelStep | PlainPixelFunction)[]): PixelFunction[] {
  const functions: PixelFunction[] = [];
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    const next = steps[i + 1];
    if (!isPixelStep(step)) {
      functions.push(step);
    } else if (step.op === 'resize' && next && isNamed(next, 'centerCrop')) {
      functions.push(resizeAndCrop(step as ResizeStep, next as CenterCropStep));
      i++;
    } else {
      const path = `${i}.`;
      functions.push((image, context) => step(image, context, path));
    }
  }
  return functions;
}

function resizeAndCrop(resize: ResizeStep, crop: CenterCropStep): PixelFunction {
  return (image) => resize.resizeWindow(image, crop.window) ?? crop(resize(image));
}

function sizeAfter(steps: readonly (PixelStep | PlainPixelFunction)[]): Size | undefined {
  let size: Size | undefined;
  for (const step of steps) size = isPixelStep(step) ? step.outputSize(size) : undefined;
  return size;
}

/** The bits of the float32 that each byte becomes, 256 for each channel. */
function channelTable(toTensor: ToTensorStep | undefined, normalize: NormalizeStep | undefined): Int32Array {
  const bytes = byteTable(toTensor?.rescaleFactor);
  const table = new Float32Array(3 * 256);
  for (let channel = 0; channel < 3; channel++) {
    const mean = Math.fround(normalize?.mean[channel] ?? 0);
    const std = Math.fround(normalize?.std[channel] ?? 1);
    table.set(
      bytes.map((value) => Math.fround(value - mean) / std),
      channel * 256,
    );
  }
  return new Int32Array(table.buffer);
}
