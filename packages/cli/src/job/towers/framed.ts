import type { JsonObject } from '@diptych/core';
import {
  compose,
  type ImagePipeline,
  type Interpolation,
  imageTransform,
  letterbox,
  randomHorizontalFlip,
  randomShift,
  type Step,
} from '@diptych/preprocess/image';

/** How far a picture is moved for training, as a part of its frame's side. */
const SHIFT = 1 / 16;

/** A checkpoint's pixels with the whole picture in the frame. */
export interface Framed {
  readonly plain: ImagePipeline;
  /** The same with random changes that leave a caption true. */
  readonly varied: ImagePipeline;
}

/**
 * Takes the frame, the filter and the numbers of a checkpoint's own transform, and puts the whole picture inside on white: its own
 * resize and centre crop cut off what stands at the border, and squeezing changes shapes.
 *
 * @param own the checkpoint's transform, or its settings
 */
export function framed(own: ImagePipeline | JsonObject): Framed {
  const transform = 'outputShape' in own ? (own as ImagePipeline) : imageTransform(own);
  const [height, width] = transform.outputShape;
  const steps = transform.steps as readonly NamedStep[];
  const sized = steps.find(({ options }) => options?.interpolation !== undefined);
  const interpolation = (sized?.options?.interpolation ?? 'bicubic') as Interpolation;
  const numbers = steps.filter(({ op }) => op === 'toTensor' || op === 'normalize') as readonly Step[];
  const frame = letterbox([height, width], { fill: 'white', interpolation });
  const decode = { onto: 'white' } as const;
  const pixels = Math.round(Math.min(height, width) * SHIFT);
  return {
    plain: compose([frame, ...numbers], { decode }),
    varied: compose([frame, randomHorizontalFlip(), randomShift({ pixels, fill: 'white' }), ...numbers], { decode }),
  };
}

/** What the steps of `@diptych/preprocess` say of themselves. */
interface NamedStep {
  readonly op?: string;
  readonly options?: JsonObject;
}
