import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import { Generator } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { retrieval } from './index.js';

const IMAGES = 5_000;
const CAPTIONS = 5;
const WIDTH = 64;

describe('retrieval of 5,000 pictures and 25,000 captions', () => {
  it('takes at most 256 MiB beyond its inputs', { timeout: 120_000 }, async () => {
    await tf.setBackend('onnxruntime');
    const generator = new Generator(0);
    const image = { data: generator.normal(IMAGES * WIDTH), shape: [IMAGES, WIDTH] as const };
    const texts = IMAGES * CAPTIONS;
    const noise = generator.normal(texts * WIDTH);
    const text = {
      data: noise.map((value, i) => image.data[Math.floor(i / (WIDTH * CAPTIONS)) * WIDTH + (i % WIDTH)]! + 2 * value),
      shape: [texts, WIDTH] as const,
    };
    const before = process.memoryUsage().rss;
    const { imageToText, textToImage } = await retrieval(image, text, {
      imageIds: Array.from({ length: IMAGES }, (_, i) => i),
      textIds: Array.from({ length: texts }, (_, i) => Math.floor(i / CAPTIONS)),
    });
    const peak = process.resourceUsage().maxRSS * 1024;
    expect((peak - before) / 2 ** 20).toBeLessThan(256);
    expect(imageToText).toMatchObject({ queries: IMAGES, candidates: texts });
    expect(textToImage).toMatchObject({ queries: texts, candidates: IMAGES });
    expect(imageToText['recall@10']!).toBeGreaterThan(textToImage['recall@10']!);
    expect(textToImage['recall@10']!).toBeGreaterThan(0.1);
    expect(textToImage['recall@10']!).toBeLessThan(0.9);
  });
});
