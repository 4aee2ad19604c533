import type { NameRule } from '@diptych/weights';
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
