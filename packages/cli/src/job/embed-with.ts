import type { JointModel } from 'diptych';
import type { Pair } from '../data/pair.js';
import type { Embedded } from './method.js';

/** Items that go through a model at once. */
const BATCH = 256;

/** Pictures and captions through a model, as any user of it would have them. */
export async function embedWith(model: JointModel, pairs: readonly Pair[]): Promise<Embedded> {
  const images = pairs.map(({ image }) => image);
  const texts = pairs.map(({ text }) => text);
  return {
    pairs,
    image: await model.embedImages(images, { batchSize: BATCH }),
    text: await model.embedText(texts, { batchSize: BATCH }),
  };
}
