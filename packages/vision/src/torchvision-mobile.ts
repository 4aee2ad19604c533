import { namedConfig } from '@diptych/core';
import { type NameAdapter, type NameRule, type OpenedCheckpoint, wrongFamily } from '@diptych/weights';
import type { MobileStage } from './mobile-blocks.js';

/**
 * The blocks of torchvision's EfficientNet and MobileNetV3, which number the layers of a block and name none of them, to
 * timm's names. Only names of torchvision match, so the rules may stand before any checkpoint.
 *
 * @param place where torchvision has a block: `features.2.0` of stage 1, block 0; `index` counts all blocks from 0
 */
export function torchvisionBlocks(
  stages: readonly MobileStage[],
  place: (block: { stage: number; position: number; index: number }) => string,
): NameRule[] {
  let index = 0;
  return stages.flatMap((stage, number) =>
    stage.expansions.flatMap((_, position) => {
      const from = place({ stage: number, position, index: index++ }).replaceAll('.', '\\.');
      return layersOf(stage).flatMap((layer, at) => {
        const [start, to] = [`^${from}\\.block\\.${at}`, `blocks.${number}.${position}`];
        if (layer === 'se') {
          return [
            { from: new RegExp(`${start}\\.fc1\\.`), to: `${to}.se.conv_reduce.` },
            { from: new RegExp(`${start}\\.fc2\\.`), to: `${to}.se.conv_expand.` },
          ];
        }
        const [convolution, norm] = layer;
        return [
          { from: new RegExp(`${start}\\.0\\.`), to: `${to}.${convolution}.` },
          { from: new RegExp(`${start}\\.1\\.`), to: `${to}.${norm}.` },
        ];
      });
    }),
  );
}

/** The layers of a block in torchvision's order: convolution and normalisation by timm's names. */
function layersOf({ block, squeeze }: MobileStage): readonly (readonly [string, string] | 'se')[] {
  const excite = squeeze ? (['se'] as const) : [];
  return block === 'separable'
    ? [['conv_dw', 'bn1'], ...excite, ['conv_pw', 'bn2']]
    : [['conv_pw', 'bn1'], ['conv_dw', 'bn2'], ...excite, ['conv_pwl', 'bn3']];
}

/** How a family's checkpoints of timm and torchvision are told from others and read. */
interface MobileCheckpoints<Config> {
  readonly where: string;
  readonly title: string;
  /** timm's names of its networks. */
  readonly names: RegExp;
  readonly configs: Readonly<Record<string, Config>>;
  readonly adapter: (config: Config) => NameAdapter;
}

/**
 * Which network a checkpoint of timm or torchvision is for, and how its names become timm's.
 *
 * @throws ConfigError for another family, or a network that is changed in more than its channels of colour
 */
export function mobileNetworkOf<Name extends string, Config extends { readonly inChannels?: number }>(
  opened: OpenedCheckpoint,
  { where, title, names, configs, adapter: adapterOf }: MobileCheckpoints<Config>,
): { readonly architecture: Name | Config; readonly adapter: NameAdapter } {
  const { config, library, architecture } = opened;
  if (library !== 'timm' || !names.test(architecture)) wrongFamily(opened, where, title);
  const base = namedConfig(where, configs, architecture);
  const args = config.object('model_args');
  args.noneBut(['num_classes', 'global_pool', 'in_chans']);
  const adapter = adapterOf(base);
  if (!args.has('in_chans')) return { architecture: architecture as Name, adapter };
  return { architecture: { ...base, inChannels: args.number('in_chans') }, adapter };
}
