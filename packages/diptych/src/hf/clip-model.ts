import type { JsonObject } from '@diptych/core';
import { ClipText, SiglipText } from '@diptych/text';
import { ClipVision, SiglipVision } from '@diptych/vision';
import { compose, linearOf, matrix, shiftFor } from './linear-map.js';
import { type BareTower, notStandard, type Tensors } from './towers.js';

/** config.json and weights of transformers' CLIPModel or SiglipModel, but for scale and bias. */
export interface WholeModel {
  readonly className: 'CLIPModel' | 'SiglipModel';
  readonly config: JsonObject;
  readonly tensors: Tensors;
}

/** Our names of activations in transformers'. */
const ACTIVATIONS: Readonly<Record<string, string>> = { gelu_tanh: 'gelu_pytorch_tanh' };

/**
 * Both towers as one model of transformers.
 *
 * @returns undefined for towers of other families
 * @throws ConfigError for CLIP or SigLIP with heads that their layout has no place for
 */
export function clipOrSiglip(image: BareTower<object>, text: BareTower<object>): WholeModel | undefined {
  if (image.tower instanceof ClipVision && text.tower instanceof ClipText) {
    const vision = withHead('image', image, 'vision_model.post_layernorm.bias', 'visual_projection');
    const words = withHead('text', text, 'text_model.final_layer_norm.bias', 'text_projection');
    const { config } = text.tower;
    return {
      className: 'CLIPModel',
      tensors: new Map([...vision.tensors, ...words.tensors]),
      config: {
        architectures: ['CLIPModel'],
        model_type: 'clip',
        projection_dim: vision.width,
        vision_config: {
          model_type: 'clip_vision_model',
          ...visionConfig(image.tower, 'quick_gelu', 1e-5),
          projection_dim: vision.width,
        },
        text_config: {
          model_type: 'clip_text_model',
          ...textConfig(text.tower, 'quick_gelu', 1e-5),
          projection_dim: words.width,
          eos_token_id: config.eosTokenId ?? config.vocabSize - 1,
        },
      },
    };
  }
  if (image.tower instanceof SiglipVision && text.tower instanceof SiglipText) {
    for (const [side, { head, tower }] of [
      ['image', image],
      ['text', text],
    ] as const) {
      if (head) throw notStandard(side, tower, 'with a head on it, for which SiglipModel has no place');
    }
    return {
      className: 'SiglipModel',
      tensors: new Map([...image.tensors, ...text.tensors]),
      config: {
        architectures: ['SiglipModel'],
        model_type: 'siglip',
        vision_config: { model_type: 'siglip_vision_model', ...visionConfig(image.tower, 'gelu_tanh', 1e-6) },
        text_config: {
          model_type: 'siglip_text_model',
          ...textConfig(text.tower, 'gelu_tanh', 1e-6),
          projection_size: text.tower.embedDim,
        },
      },
    };
  }
  return undefined;
}

/** The tower with the head behind its projection; what the head adds goes into the normalisation before it. */
function withHead(
  side: 'image' | 'text',
  { tower, tensors, head }: BareTower<object>,
  normBias: string,
  projection: string,
) {
  const own = linearOf(tensors, projection)!;
  const layer = compose(own, head)!;
  const shift = shiftFor(layer);
  if (!shift) throw notStandard(side, tower, 'a head that widens its tokens');
  const bias = tensors.get(normBias)!.data as Float32Array;
  const changed: Tensors = new Map(tensors);
  changed.set(
    normBias,
    matrix(
      bias.map((value, i) => value + shift[i]!),
      bias.length,
    ),
  );
  changed.set(`${projection}.weight`, matrix(layer.weight, layer.outFeatures, layer.inFeatures));
  return { tensors: changed, width: layer.outFeatures };
}

function visionConfig({ config }: ClipVision | SiglipVision, activation: string, eps: number): JsonObject {
  return {
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize ?? 4 * config.hiddenSize,
    num_hidden_layers: config.numLayers,
    num_attention_heads: config.numHeads,
    image_size: config.imageSize,
    patch_size: config.patchSize,
    num_channels: config.inChannels ?? 3,
    hidden_act: nameOf(config.activation ?? activation),
    layer_norm_eps: config.layerNormEps ?? eps,
  };
}

function textConfig({ config, vocabSize }: ClipText | SiglipText, activation: string, eps: number): JsonObject {
  return {
    vocab_size: vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize ?? 4 * config.hiddenSize,
    num_hidden_layers: config.numLayers,
    num_attention_heads: config.numHeads,
    max_position_embeddings: config.maxPositions,
    hidden_act: nameOf(config.activation ?? activation),
    layer_norm_eps: config.layerNormEps ?? eps,
  };
}

const nameOf = (activation: string): string => ACTIVATIONS[activation] ?? activation;
