import type { FusedOutputs, PairBatch } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import { Generator } from '@diptych/nn';
import { BagOfTokens, Bert } from '@diptych/text';
import {
  AdamW,
  ImageTextMatching,
  InfoNCE,
  MultiModalEncoder,
  Trainer,
  WeightedSum,
  warmupCosine,
} from '@diptych/train';
import { ResNet, SmallCNN } from '@diptych/vision';
import { stateDict } from '@diptych/weights';

const [EMBED_DIM, IMAGE_SIZE, BATCH, TOKENS, VOCABULARY, STEPS] = [16, 32, 6, 8, 50, 10];

/** The two kinds of towers that the repository trains, small: those of the example, and ResNet with BERT. */
export const MODELS = {
  example: () => {
    const generator = new Generator(3);
    return new MultiModalEncoder({
      image: new SmallCNN({ embedDim: EMBED_DIM, imageSize: IMAGE_SIZE, channels: [8, 12, 16], generator }),
      text: new BagOfTokens({ vocabSize: VOCABULARY, embedDim: EMBED_DIM, generator }),
      fusion: new AttentionFusion({ embedDim: EMBED_DIM, numHeads: 4, dropout: 0.1, normalize: true, generator }),
      seed: 3,
    });
  },
  seed: () => {
    const generator = new Generator(4);
    return new MultiModalEncoder({
      image: new ResNet({ block: 'bottleneck', layers: [1, 1, 1, 1], width: 8 }, { embedDim: EMBED_DIM, generator }),
      text: new Bert(
        {
          vocabSize: VOCABULARY,
          hiddenSize: 24,
          numLayers: 2,
          numHeads: 3,
          intermediateSize: 48,
          maxPositions: 16,
          typeVocabSize: 2,
          dropout: 0.1,
          attentionDropout: 0.1,
        },
        { embedDim: EMBED_DIM, generator },
      ),
      fusion: new AttentionFusion({ embedDim: EMBED_DIM, numHeads: 4, dropout: 0.1, generator }),
      seed: 4,
    });
  },
} as const;

export type ModelName = keyof typeof MODELS;

/** What a model did on the current backend. */
export interface TenSteps {
  /** Weights as they were built, by parameter. */
  readonly initial: Readonly<Record<string, number[]>>;
  readonly losses: number[];
  readonly gradNorms: number[];
}

/** Ten steps of contrast, matching, dropout, batch norm in training, clipping and AdamW, on the current backend. */
export async function tenSteps(name: ModelName): Promise<TenSteps> {
  const model = MODELS[name]();
  const initial = await weightsOf(model);
  const trainer = new Trainer<FusedOutputs>(model, {
    loss: new WeightedSum([
      { name: 'contrastive', loss: new InfoNCE() },
      { name: 'matching', loss: new ImageTextMatching() },
    ]),
    optimizer: new AdamW({ learningRate: 1e-3 }),
    schedule: warmupCosine({ total: STEPS, warmup: 2 }),
    clipNorm: 5,
    seed: 1,
  });
  const batches = [batchOf(0), batchOf(1)];
  const losses: number[] = [];
  const gradNorms: number[] = [];
  await trainer.fit(
    { epoch: () => batches },
    {
      steps: STEPS,
      onStep: ({ loss, gradNorm }) => {
        losses.push(loss);
        gradNorms.push(gradNorm);
      },
    },
  );
  trainer.dispose();
  model.dispose();
  return { initial, losses, gradNorms };
}

async function weightsOf(model: ReturnType<(typeof MODELS)[ModelName]>): Promise<Record<string, number[]>> {
  const state = await stateDict(model);
  return Object.fromEntries([...state].map(([name, { data }]) => [name, Array.from(data as Float32Array)]));
}

/** Pictures and texts by a plain formula: the same everywhere. */
function batchOf(index: number): PairBatch {
  const generator = new Generator(100 + index);
  const shape = [BATCH, IMAGE_SIZE, IMAGE_SIZE, 3] as const;
  const lengths = Array.from({ length: BATCH }, (_, row) => 3 + ((row * 5 + index) % (TOKENS - 2)));
  const attentionMask = Int32Array.from({ length: BATCH * TOKENS }, (_, i) =>
    Number(i % TOKENS < lengths[Math.floor(i / TOKENS)]!),
  );
  const ids = generator.uniform(BATCH * TOKENS, 1, VOCABULARY);
  return {
    size: BATCH,
    pixels: { data: generator.normal(BATCH * IMAGE_SIZE * IMAGE_SIZE * 3), shape },
    tokens: {
      shape: [BATCH, TOKENS],
      inputIds: Int32Array.from(ids, (id, i) => (attentionMask[i] ? Math.floor(id) : 0)),
      attentionMask,
    },
    ids: Array.from({ length: BATCH }, (_, row) => `pair ${index}.${row}`),
  };
}
