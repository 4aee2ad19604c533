import type { ImageTransform, JsonObject } from '@diptych/core';
import { ConvNeXt, EfficientNet, MobileNetV3, ResNet, ViT } from '@diptych/vision';
import type { TensorData } from '@diptych/weights';
import { compose, type LinearMap, linearOf, matrix } from './linear-map.js';
import { type BareTower, notStandard, type Tensors } from './towers.js';

/** A tower under timm's names. */
export interface TimmTower {
  readonly architecture: string;
  readonly modelArgs: JsonObject | undefined;
  readonly globalPool: 'avg' | 'token';
  /** Width of what is pooled. */
  readonly numFeatures: number;
  /** Without the classifier. */
  readonly tensors: Tensors;
  /** The tower's own head and the one that was trained on it, as one. */
  readonly head: LinearMap | undefined;
  /** timm's name of that layer. */
  readonly classifier: string;
  /** The bias that is added last before it, where one is. */
  readonly lastBias: string | undefined;
}

/** Names of tables of ours that are torchvision's, and mean other networks in timm. */
const TORCHVISION = /^mobilenet_v3_/;

/** timm writes the layers inside these networks' blocks as 1 x 1 convolutions. */
const CONV_MLP = /^convnext_(atto|femto|pico|nano)$/;

function asConvolutions(name: string, tensor: TensorData): TensorData {
  return /\.mlp\.fc[12]\.weight$/.test(name) ? matrix(tensor.data as Float32Array, ...tensor.shape, 1, 1) : tensor;
}

/**
 * A tower as timm builds it again.
 *
 * @throws ConfigError for one that timm has not
 */
export function timmTower({ tower, tensors, head }: BareTower<object>): TimmTower {
  const made = describe(tower);
  const { classifier } = made;
  const shaped = CONV_MLP.test(made.architecture) ? asConvolutions : (_: string, tensor: TensorData) => tensor;
  const rest: Tensors = new Map(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(`${classifier}.`) ? [] : [[name, shaped(name, tensor)] as const],
    ),
  );
  return { ...made, tensors: rest, head: compose(linearOf(tensors, classifier), head) };
}

function describe(tower: object): Omit<TimmTower, 'tensors' | 'head'> {
  if (tower instanceof ViT) return describeViT(tower);
  const plain = { modelArgs: undefined, globalPool: 'avg' } as const;
  if (tower instanceof ResNet) {
    const { block, layers, width = 64 } = tower.config;
    const numFeatures = width * 2 ** (layers.length - 1) * (block === 'bottleneck' ? 4 : 1);
    return { architecture: nameOf(tower), ...plain, numFeatures, classifier: 'fc', lastBias: undefined };
  }
  if (tower instanceof ConvNeXt) {
    const numFeatures = tower.config.widths.at(-1)!;
    return { architecture: nameOf(tower), ...plain, numFeatures, classifier: 'head.fc', lastBias: 'head.norm.bias' };
  }
  if (tower instanceof EfficientNet || tower instanceof MobileNetV3) {
    const { classifier } = tower as { readonly classifier?: { readonly inFeatures: number } };
    const numFeatures = classifier?.inFeatures ?? tower.embedDim;
    return { architecture: nameOf(tower), ...plain, numFeatures, classifier: 'classifier', lastBias: undefined };
  }
  throw notStandard('image', tower, 'no network of timm, CLIP or SigLIP');
}

function nameOf(tower: { readonly architecture: unknown }): string {
  const { architecture } = tower;
  if (typeof architecture === 'string' && !TORCHVISION.test(architecture)) return architecture;
  const why = typeof architecture === 'string' ? `${architecture} is torchvision's` : 'sizes of its own';
  throw notStandard('image', tower, why);
}

function describeViT(tower: ViT): Omit<TimmTower, 'tensors' | 'head'> {
  const {
    patchSize,
    hiddenSize,
    numLayers,
    numHeads,
    intermediateSize,
    classToken = true,
    layerNormEps,
  } = tower.config;
  if (layerNormEps !== undefined && layerNormEps !== 1e-6) {
    throw notStandard('image', tower, `normalisations with ${layerNormEps}, where timm's have 1e-6`);
  }
  const isMean = tower.pooling === 'mean';
  return {
    architecture: typeof tower.architecture === 'string' ? tower.architecture : 'vit_base_patch16_224',
    modelArgs: {
      img_size: tower.imageSize,
      patch_size: patchSize,
      embed_dim: hiddenSize,
      depth: numLayers,
      num_heads: numHeads,
      mlp_ratio: (intermediateSize ?? 4 * hiddenSize) / hiddenSize,
      class_token: classToken,
      global_pool: isMean ? 'avg' : 'token',
    },
    globalPool: isMean ? 'avg' : 'token',
    numFeatures: hiddenSize,
    classifier: 'head',
    lastBias: isMean ? 'fc_norm.bias' : 'norm.bias',
  };
}

/** The files of a folder that `timm.create_model('local-dir:…', pretrained=True)` opens: it gives the embedding. */
export function timmFiles(
  { architecture, modelArgs, globalPool, numFeatures, tensors, head, classifier }: TimmTower,
  transform: ImageTransform,
): { readonly config: JsonObject; readonly tensors: Tensors } {
  const all: Tensors = new Map(tensors);
  if (head) {
    all.set(`${classifier}.weight`, matrix(head.weight, head.outFeatures, head.inFeatures));
    all.set(`${classifier}.bias`, matrix(head.bias ?? new Float32Array(head.outFeatures), head.outFeatures));
  }
  const classes = head?.outFeatures ?? 0;
  const [height, width] = transform.outputShape;
  const { mean, std } = transform.normalization ?? {};
  return {
    tensors: all,
    config: {
      architecture,
      num_classes: classes,
      num_features: numFeatures,
      global_pool: globalPool,
      ...(modelArgs && { model_args: modelArgs }),
      pretrained_cfg: {
        tag: 'diptych',
        input_size: [3, height, width],
        // timm makes an argument of it that only a ViT takes
        fixed_input_size: modelArgs !== undefined,
        interpolation: 'bicubic',
        crop_pct: 1,
        mean,
        std,
        num_classes: classes,
        classifier,
      },
    },
  };
}
