// Retrieval of 50,000 pictures against 250,000 captions of width 64, both ways: time, and memory beyond the inputs.
import './lib/backend.mjs';
import { retrieval } from '@diptych/metrics';
import { pooled } from './lib/samples.mjs';
import { line } from './lib/statistics.mjs';

const [IMAGES, CAPTIONS, WIDTH] = [50_000, 5, 64];

export default {
  names: ['retrieval_seconds', 'retrieval_memory'],
  rounds: 1,

  async measure() {
    const texts = IMAGES * CAPTIONS;
    const image = {
      data: Float32Array.from({ length: IMAGES * WIDTH }, () => Math.random() - 0.5),
      shape: [IMAGES, WIDTH],
    };
    const text = { data: new Float32Array(texts * WIDTH), shape: [texts, WIDTH] };
    for (let i = 0; i < text.data.length; i++) {
      const row = Math.floor(i / (WIDTH * CAPTIONS));
      text.data[i] = image.data[row * WIDTH + (i % WIDTH)] + 1.5 * (Math.random() - 0.5);
    }
    const imageIds = Array.from({ length: IMAGES }, (_, i) => i);
    const textIds = Array.from({ length: texts }, (_, i) => Math.floor(i / CAPTIONS));
    const before = process.memoryUsage().rss;
    const begin = performance.now();
    const { imageToText } = await retrieval(image, text, { imageIds, textIds });
    if (!(imageToText['recall@1'] > 0)) throw new Error('nothing was found');
    return {
      seconds: [(performance.now() - begin) / 1000],
      mebibytes: [(process.resourceUsage().maxRSS * 1024 - before) / 2 ** 20],
    };
  },

  lines: ({ ours }) => [
    line('retrieval_seconds', 's', pooled(ours, 'seconds')),
    line('retrieval_memory', 'MiB', pooled(ours, 'mebibytes'), { must: 256 }),
  ],
};
