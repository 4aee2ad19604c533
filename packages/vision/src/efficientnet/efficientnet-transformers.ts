import { ConfigError } from '@diptych/core';
import type { NameAdapter, NameRule, OpenedCheckpoint } from '@diptych/weights';
import { B0_STAGES, type EfficientNetConfig, efficientNetShape } from './efficientnet-configs.js';

/** B0 as transformers' configurations spell it out, field by field: what a checkpoint may say of it and nothing else. */
const B0: Readonly<Record<string, readonly number[]>> = {
  expand_ratios: B0_STAGES.map(([expansion]) => expansion),
  out_channels: B0_STAGES.map(([, channels]) => channels),
  in_channels: [32, ...B0_STAGES.slice(0, -1).map(([, channels]) => channels)],
  num_block_repeats: B0_STAGES.map(([, , blocks]) => blocks),
  kernel_sizes: B0_STAGES.map(([, , , kernelSize]) => kernelSize),
  strides: B0_STAGES.map(([, , , , stride]) => stride),
};

/**
 * Which network a checkpoint of transformers' EfficientNetModel or EfficientNetForImageClassification is for, and how its names become
 * timm's. They are TensorFlow's trainings, for pictures of their own size (`image_size`): at others transformers pads some grids in another
 * way than TensorFlow does.
 *
 * @throws ConfigError for stages that are not B0's, or another pooling
 */
export function ofTransformers({ config }: OpenedCheckpoint): {
  readonly architecture: EfficientNetConfig;
  readonly adapter: NameAdapter;
} {
  for (const [field, stages] of Object.entries(B0)) {
    refuseOther(config.where, field, config.numbers(field, stages).join(), stages.join());
  }
  refuseOther(config.where, 'squeeze_expansion_ratio', config.number('squeeze_expansion_ratio', 0.25), 0.25);
  refuseOther(config.where, 'depth_divisor', config.number('depth_divisor', 8), 8);
  refuseOther(config.where, 'batch_norm_eps', config.number('batch_norm_eps', 1e-3), 1e-3);
  refuseOther(config.where, 'pooling_type', config.text('pooling_type', 'mean'), 'mean');
  refuseOther(config.where, 'hidden_act', config.text('hidden_act', 'swish').replace('silu', 'swish'), 'swish');
  const inChannels = config.number('num_channels', 3);
  const architecture: EfficientNetConfig = {
    // defaults of EfficientNetConfig, which are B7's
    widthMultiplier: config.number('width_coefficient', 2),
    depthMultiplier: config.number('depth_coefficient', 3.1),
    tensorflow: true,
    ...(inChannels !== 3 && { inChannels }),
  };
  return { architecture, adapter: namesOfTransformers(architecture) };
}

function refuseOther(where: string, field: string, got: string | number, expected: string | number): void {
  if (got === expected) return;
  throw new ConfigError({
    where: `${where}: ${field}`,
    expected: `${expected}, as EfficientNet has it`,
    got: String(got),
    remedy: 'load it by a class of your own',
  });
}

/** transformers counts blocks from the first to the last, and names their layers by what they are for. */
function namesOfTransformers(config: EfficientNetConfig): NameAdapter {
  const { stages } = efficientNetShape(config);
  let index = 0;
  const blocks = stages.flatMap(({ block, expansions }, stage) =>
    expansions.flatMap((_, position) => {
      const from = `^encoder\\.blocks\\.${index++}\\.`;
      const layers = block === 'separable' ? SEPARABLE : INVERTED;
      return Object.entries(layers).map(
        ([layer, to]): NameRule => ({
          from: new RegExp(`${from}${layer.replaceAll('.', '\\.')}\\.`),
          to: `blocks.${stage}.${position}.${to}.`,
        }),
      );
    }),
  );
  return {
    rules: [
      { from: /^efficientnet\./, to: '' },
      { from: /^embeddings\.convolution\./, to: 'conv_stem.' },
      { from: /^embeddings\.batchnorm\./, to: 'bn1.' },
      ...blocks,
      { from: /^encoder\.top_conv\./, to: 'conv_head.' },
      { from: /^encoder\.top_bn\./, to: 'bn2.' },
    ],
  };
}

const SQUEEZE = { 'squeeze_excite.reduce': 'se.conv_reduce', 'squeeze_excite.expand': 'se.conv_expand' };

const SEPARABLE: Readonly<Record<string, string>> = {
  'depthwise_conv.depthwise_conv': 'conv_dw',
  'depthwise_conv.depthwise_norm': 'bn1',
  ...SQUEEZE,
  'projection.project_conv': 'conv_pw',
  'projection.project_bn': 'bn2',
};

const INVERTED: Readonly<Record<string, string>> = {
  'expansion.expand_conv': 'conv_pw',
  'expansion.expand_bn': 'bn1',
  'depthwise_conv.depthwise_conv': 'conv_dw',
  'depthwise_conv.depthwise_norm': 'bn2',
  ...SQUEEZE,
  'projection.project_conv': 'conv_pwl',
  'projection.project_bn': 'bn3',
};
