import type { JsonObject } from '@diptych/core';
import { Bert, type BertDenseOptions } from '@diptych/text';
import { compose, type LinearMap, linearOf, matrix } from './linear-map.js';
import { type BareTower, notStandard, renamed, type Tensors } from './towers.js';

/** A layer of sentence-transformers after pooling. */
export interface DenseStep {
  readonly layer: LinearMap;
  readonly activation: BertDenseOptions['activation'] & string;
}

/** A text tower under transformers' names. */
export interface BertTower {
  readonly bert: Bert;
  readonly config: JsonObject;
  /** Of transformers' BertModel, without its pooler. */
  readonly tensors: Tensors;
  /** What follows pooling, in order; `normalize` scales to length 1. */
  readonly steps: readonly (DenseStep | 'normalize')[];
}

/** Our names of activations in transformers'. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  gelu: 'gelu',
  gelu_tanh: 'gelu_pytorch_tanh',
  quick_gelu: 'quick_gelu',
  relu: 'relu',
};

/** @throws ConfigError for a tower that transformers has not */
export function bertTower({ tower, tensors, head }: BareTower<object>): BertTower {
  if (!(tower instanceof Bert)) throw notStandard('text', tower, 'no BERT, CLIP or SigLIP');
  const { config: sizes } = tower;
  const activation = ACTIVATIONS[sizes.activation ?? 'gelu'];
  if (activation === undefined) throw notStandard('text', tower, `activation ${sizes.activation}`);
  const isRoberta = sizes.positions === 'roberta';
  const own = renamed(tensors, '', ['pooler', 'dense', 'projection']);
  const segments = 'embeddings.token_type_embeddings.weight';
  // DistilBERT is a BERT without segments
  if (!own.has(segments)) own.set(segments, matrix(new Float32Array(2 * sizes.hiddenSize), 2, sizes.hiddenSize));
  const dense = tower.dense.map(
    ({ activation }, i): DenseStep => ({ layer: linearOf(tensors, `dense.${i}.linear`)!, activation }),
  );
  const step = (layer: LinearMap | undefined): DenseStep[] => (layer ? [{ layer, activation: 'identity' }] : []);
  const projection = linearOf(tensors, 'projection');
  return {
    bert: tower,
    tensors: own,
    steps: tower.normalize
      ? [...dense, ...step(projection), 'normalize', ...step(head)]
      : [...dense, ...step(compose(projection, head))],
    config: {
      architectures: [isRoberta ? 'RobertaModel' : 'BertModel'],
      model_type: isRoberta ? 'roberta' : 'bert',
      vocab_size: tower.vocabSize,
      hidden_size: sizes.hiddenSize,
      num_hidden_layers: sizes.numLayers,
      num_attention_heads: sizes.numHeads,
      intermediate_size: sizes.intermediateSize,
      max_position_embeddings: sizes.maxPositions,
      type_vocab_size: own.get(segments)!.shape[0]!,
      hidden_act: activation,
      layer_norm_eps: sizes.layerNormEps,
      hidden_dropout_prob: sizes.dropout,
      attention_probs_dropout_prob: sizes.attentionDropout,
      pad_token_id: sizes.padTokenId,
      position_embedding_type: 'absolute',
    },
  };
}

/** tanh of numbers this small is the number itself: by less than 1e-8 of numbers up to 10. */
const SMALL = 2 ** -16;

/**
 * Pooler and projection of a VisionTextDualEncoderModel that give what pooling of the first token and the layers after it give. Its pooler is
 * tanh(W x + b); here W x + b are the tower's results scaled down to where tanh changes nothing, and the projection scales up again.
 *
 * @returns undefined where the tower pools or normalises otherwise, or widens its tokens
 */
export function dualEncoderText({ bert, steps, tensors }: BertTower, all: Tensors): Tensors | undefined {
  const { hiddenSize } = bert.config;
  if (steps.some((step) => step === 'normalize' || step.activation !== 'identity')) return undefined;
  const layer = (steps as DenseStep[]).reduce<LinearMap | undefined>(
    (whole, one) => compose(whole, one.layer),
    undefined,
  );
  const made = renamed(tensors, 'text_model.');
  const set = (name: string, data: Float32Array, ...shape: number[]) => made.set(name, matrix(data, ...shape));
  if (bert.pooling === 'pooler') {
    const own = linearOf(all, 'pooler.dense')!;
    if (!layer || layer.bias?.some((value) => value !== 0)) return undefined;
    set('text_model.pooler.dense.weight', own.weight, hiddenSize, hiddenSize);
    set('text_model.pooler.dense.bias', own.bias!, hiddenSize);
    set('text_projection.weight', layer.weight, layer.outFeatures, hiddenSize);
    return made;
  }
  if (bert.pooling !== 'cls' || !layer || layer.outFeatures > hiddenSize) return undefined;
  const { weight, bias, outFeatures } = layer;
  const [dense, offset] = [new Float32Array(hiddenSize ** 2), new Float32Array(hiddenSize)];
  const projection = new Float32Array(outFeatures * hiddenSize);
  for (let out = 0; out < outFeatures; out++) {
    for (let i = 0; i < hiddenSize; i++) dense[out * hiddenSize + i] = SMALL * weight[out * hiddenSize + i]!;
    offset[out] = SMALL * (bias?.[out] ?? 0);
    projection[out * hiddenSize + out] = 1 / SMALL;
  }
  set('text_model.pooler.dense.weight', dense, hiddenSize, hiddenSize);
  set('text_model.pooler.dense.bias', offset, hiddenSize);
  set('text_projection.weight', projection, outFeatures, hiddenSize);
  return made;
}
