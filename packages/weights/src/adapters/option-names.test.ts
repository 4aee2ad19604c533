import { expect, it } from 'vitest';
import { withCurrentOptions } from '../index.js';

it('names the options of saved parts as they are named today, inside parts and configurations too', () => {
  const before = {
    kind: 'train/multi-modal-encoder',
    options: {
      image: {
        kind: 'vision/vit',
        options: {
          architecture: { patchSize: 8, hiddenSize: 12, depth: 2, numHeads: 3, mlpRatio: 2.5 },
          imageSize: 16,
        },
      },
      text: {
        kind: 'text/bert',
        options: {
          architecture: { numHiddenLayers: 2, numAttentionHeads: 2, maxPositionEmbeddings: 16, hiddenDropoutProb: 0 },
          dense: [{ outFeatures: 8 }],
        },
      },
      fusion: { kind: 'fusion/concat-mlp', options: { embedDim: 8, hiddenDim: 16 } },
    },
  };
  const now = {
    kind: 'train/multi-modal-encoder',
    options: {
      image: {
        kind: 'vision/vit',
        options: {
          architecture: { patchSize: 8, hiddenSize: 12, numLayers: 2, numHeads: 3, intermediateSize: 30 },
          imageSize: 16,
        },
      },
      text: {
        kind: 'text/bert',
        options: {
          architecture: { numLayers: 2, numHeads: 2, maxPositions: 16, dropout: 0 },
          dense: [{ outFeatures: 8 }],
        },
      },
      fusion: { kind: 'fusion/concat-mlp', options: { embedDim: 8, intermediateSize: 16 } },
    },
  };
  expect(withCurrentOptions(before)).toEqual(now);
  expect(withCurrentOptions(now)).toEqual(now);
});

it('leaves parts of your own and names of architectures alone', () => {
  const mine = { kind: 'mine/vit', options: { depth: 3, hiddenDim: 8, architecture: { depth: 2 } } };
  expect(withCurrentOptions(mine)).toEqual(mine);
  const named = { kind: 'vision/vit', options: { architecture: 'vit_tiny_patch16_224', dropPathRate: undefined } };
  expect(withCurrentOptions(named)).toEqual(named);
});
