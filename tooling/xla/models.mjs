// The models that are compiled and measured on GPUs: what users train and serve, at the sizes that they do it with.
import { inference } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import { compile } from '@diptych/nn';
import { BERT_CONFIGS, Bert, ClipText } from '@diptych/text';
import { AdamW, InfoNCE, infoNCE, MultiModalEncoder, StatelessLoss, StepRunner } from '@diptych/train';
import { ClipVision, ResNet } from '@diptych/vision';
import * as tf from '@tensorflow/tfjs-core';

/** InfoNCE on the towers plus the mean square of the fused vectors, so that every parameter has a gradient. */
class SeedLoss extends StatelessLoss {
  compute({ image, text, logitScale, fuse }) {
    const contrastive = infoNCE(image.pooled, text.pooled, logitScale);
    return { loss: tf.add(contrastive, tf.mean(tf.square(fuse().fused))), parts: { contrastive } };
  }
}

/** Sizes of BERT-base, or of a BERT that a CPU runs in a moment. */
const TINY = { vocabSize: 600, hiddenSize: 32, numLayers: 2, numHeads: 4, intermediateSize: 64, maxPositions: 64 };

/** The reference system: ResNet-50, BERT-base, attention fusion, dropout 0.1, AdamW. */
function seed({ tiny, seed = 0 }) {
  const embedDim = tiny ? 32 : 768;
  const bert = { ...BERT_CONFIGS['bert-base-uncased'], ...(tiny && TINY) };
  const model = new MultiModalEncoder({
    image: new ResNet(tiny ? 'resnet18' : 'resnet50', { embedDim, seed }),
    text: new Bert({ ...bert, dropout: 0.1, attentionDropout: 0.1 }, { embedDim, seed: seed + 1 }),
    fusion: new AttentionFusion({ embedDim, numHeads: 8, dropout: 0.1, seed: seed + 2 }),
    matcher: false,
  });
  const optimizer = new AdamW({ learningRate: 5e-5, weightDecay: 0.01, decayOn: 'all' });
  return { model, runner: new StepRunner({ model, loss: new SeedLoss(), optimizer }), vocabSize: bert.vocabSize };
}

/** ResNet-50 against a text tower that is next to nothing: what convolutions cost in a step. */
function resnet({ tiny, seed = 0 }) {
  const embedDim = 32;
  const model = new MultiModalEncoder({
    image: new ResNet(tiny ? 'resnet18' : 'resnet50', { embedDim, seed }),
    text: new Bert({ ...BERT_CONFIGS['bert-base-uncased'], ...TINY }, { embedDim, seed: seed + 1 }),
    matcher: false,
  });
  return { model, runner: new StepRunner({ model, loss: new InfoNCE() }), vocabSize: TINY.vocabSize };
}

/** CLIP ViT-B/32 from scratch, clipped gradients. */
function clip({ tiny, seed = 0 }) {
  const vision = {
    patchSize: 8,
    hiddenSize: 32,
    numLayers: 2,
    numHeads: 4,
    intermediateSize: 64,
    imageSize: 32,
    projectionDim: 16,
  };
  const text = { ...TINY, projectionDim: 16, eosTokenId: 599 };
  const model = new MultiModalEncoder({
    image: new ClipVision(tiny ? vision : 'clip-vit-base-patch32', { seed }),
    text: new ClipText(tiny ? text : 'clip-vit-base-patch32', { seed: seed + 1 }),
    matcher: false,
  });
  const optimizer = new AdamW({ learningRate: 5e-4, weightDecay: 0.2 });
  return {
    model,
    runner: new StepRunner({ model, loss: new InfoNCE(), optimizer, clipNorm: 1 }),
    vocabSize: tiny ? 600 : 49408,
  };
}

/** What is trained: a builder, and the sizes of a sample. */
export const TRAINED = {
  resnet: { build: resnet, pixels: (tiny) => (tiny ? 32 : 224), tokens: () => 16 },
  seed: { build: seed, pixels: (tiny) => (tiny ? 32 : 224), tokens: (tiny) => (tiny ? 16 : 64) },
  clip: { build: clip, pixels: (tiny) => (tiny ? 32 : 224), tokens: (tiny) => (tiny ? 16 : 77) },
};

/** Repeatable numbers without a library: a 32-bit multiplicative generator. */
function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A batch of pairs on the host, the same at each call; every eighth text is shorter, so that the mask matters. */
export function makeBatch(name, size, { tiny = false, vocabSize }) {
  const side = TRAINED[name].pixels(tiny);
  const tokens = TRAINED[name].tokens(tiny);
  const next = random(7);
  const data = Float32Array.from({ length: size * side * side * 3 }, () => (next() + next() + next() - 1.5) * 2);
  const lengthOf = (row) => (row % 8 === 7 ? Math.ceil(tokens * 0.75) : tokens);
  const at = (i) => [Math.floor(i / tokens), i % tokens];
  const inputIds = Int32Array.from({ length: size * tokens }, (_, i) => {
    const [row, column] = at(i);
    return column === lengthOf(row) - 1 ? vocabSize - 1 : 1 + Math.floor(next() * (vocabSize - 2));
  });
  const attentionMask = Int32Array.from(inputIds, (_, i) => Number(at(i)[1] < lengthOf(at(i)[0])));
  return {
    size,
    pixels: { data, shape: [size, side, side, 3] },
    tokens: { shape: [size, tokens], inputIds, attentionMask },
    ids: Array.from({ length: size }, (_, i) => String(i)),
  };
}

/** What is only run: a builder of a compiled function and its arguments. */
export const SERVED = {
  resnet50(size, { tiny = false } = {}) {
    const model = new ResNet(tiny ? 'resnet18' : 'resnet50', { embedDim: tiny ? 32 : 768 });
    const side = tiny ? 32 : 224;
    const { pixels } = makeBatch('seed', size, { tiny, vocabSize: 100 });
    const forward = compile((x) => model.encode(x, inference).pooled);
    return { model, forward, args: [tf.tensor4d(pixels.data, [size, side, side, 3])] };
  },
  bert(size, { tiny = false } = {}) {
    const config = { ...BERT_CONFIGS['bert-base-uncased'], ...(tiny && TINY) };
    const model = new Bert(config, { embedDim: tiny ? 32 : 768 });
    const { tokens } = makeBatch('seed', size, { tiny, vocabSize: config.vocabSize });
    const forward = compile((inputIds, attentionMask) => model.encode({ inputIds, attentionMask }, inference).pooled);
    const tensors = [tokens.inputIds, tokens.attentionMask].map((data) => tf.tensor2d(data, tokens.shape, 'int32'));
    return { model, forward, args: tensors };
  },
};
