import '@tensorflow/tfjs-backend-cpu';
import { parametersOf, type Stateful } from '@diptych/core';
import { AttentionFusion, BottleneckFusion, CoAttentionFusion, ConcatMlpFusion, GatedFusion } from '@diptych/fusion';
import { addLora, Generator } from '@diptych/nn';
import { BagOfTokens, Bert, ClipText, SiglipText, SmallTransformer } from '@diptych/text';
import { FeatureSet, MultiModalEncoder } from '@diptych/train';
import { ClipVision, ConvNeXt, ResNet, SiglipVision, SmallCNN, ViT } from '@diptych/vision';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { seedModel } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

/**
 * Which parameters began with the same random numbers. Initializers only scale them, so two of one stream have their first
 * numbers in the same proportions.
 */
function sharing(parts: Readonly<Record<string, Stateful>>): string[] {
  const seen = new Map<string, string>();
  const found: string[] = [];
  for (const [part, stateful] of Object.entries(parts)) {
    for (const [name, variable] of parametersOf(stateful, part)) {
      if (variable.size < 4) continue;
      const first = [...tf.slice(tf.reshape(variable, [-1]), 0, 4).dataSync()];
      if (first.every((value) => value === first[0])) continue;
      const proportions = first.slice(1).map((value) => (value / first[0]!).toPrecision(3));
      const other = seen.get(proportions.join());
      if (other) found.push(`${name} as ${other}`);
      seen.set(proportions.join(), name);
    }
  }
  return found;
}

const D = 8;
const sizes = { hiddenSize: D, numLayers: 1, numHeads: 2 };
const picture = { ...sizes, imageSize: 16, patchSize: 8 };
const language = { ...sizes, vocabSize: 12, maxPositions: 8 };
const bert = {
  vocabSize: 12,
  hiddenSize: D,
  numLayers: 1,
  numHeads: 2,
  intermediateSize: 16,
  maxPositions: 8,
  typeVocabSize: 2,
};
const fusion = { embedDim: D, numHeads: 2, placeholders: true };
const features = new FeatureSet(
  { data: new Float32Array(6), shape: [1, 6] },
  { data: new Float32Array(6), shape: [1, 6] },
  ['a'],
);
const resnet = () => new ResNet({ block: 'bottleneck', layers: [1, 1, 1, 1], width: 4 }, { embedDim: D });

describe('first weights', () => {
  it('are the same in no two parts that are built without a generator, nor twice in one', () => {
    const parts = {
      resnet: resnet(),
      vit: new ViT(picture, { embedDim: D }),
      convnext: new ConvNeXt({ depths: [1, 1], widths: [4, 8] }, { embedDim: D }),
      clipVision: new ClipVision({ ...picture, projectionDim: D }),
      siglipVision: new SiglipVision(picture),
      cnn: new SmallCNN({ embedDim: D, imageSize: 16, channels: [4, 8] }),
      bag: new BagOfTokens({ vocabSize: 12, embedDim: D }),
      transformer: new SmallTransformer({ vocabSize: 12, embedDim: D, numLayers: 1 }),
      bert: new Bert(bert, { embedDim: D }),
      clipText: new ClipText({ ...language, projectionDim: D }),
      siglipText: new SiglipText(language),
      imageHead: features.imageHead({ embedDim: D }),
      textHead: features.textHead({ embedDim: D }),
      attention: new AttentionFusion(fusion),
      bottleneck: new BottleneckFusion(fusion),
      coAttention: new CoAttentionFusion(fusion),
      concatMlp: new ConcatMlpFusion({ embedDim: D, placeholders: true }),
      gated: new GatedFusion({ embedDim: D, placeholders: true }),
    };
    expect(sharing(parts)).toEqual([]);
  });

  it('are told apart in the README’s composition, with its matcher and with LoRA', () => {
    const build = () => {
      const model = new MultiModalEncoder({
        image: resnet(),
        text: new Bert(bert, { embedDim: D }),
        fusion: new AttentionFusion({ embedDim: D, numHeads: 2 }),
      });
      addLora(model.image as ResNet, 'fc', { rank: 2 });
      addLora(model.text as Bert, 'encoder', { rank: 2 });
      return model;
    };
    const values = (model: Stateful) => parametersOf(model).map(([, variable]) => [...variable.dataSync()]);
    const model = build();
    expect(sharing({ model })).toEqual([]);
    expect(values(build())).toEqual(values(model));
  });

  it('come from one generator in seedModel, which gives no number twice', async () => {
    const drawing = new Set<Generator>();
    // 135 million real ones would take a test's time
    const draw = function (this: Generator, length: number) {
      drawing.add(this);
      return new Float32Array(length);
    };
    vi.spyOn(Generator.prototype, 'normal').mockImplementation(draw);
    vi.spyOn(Generator.prototype, 'uniform').mockImplementation(draw);
    const model = await seedModel();
    expect(drawing.size).toBe(1);
    model.dispose();
    vi.restoreAllMocks();
  });
});
