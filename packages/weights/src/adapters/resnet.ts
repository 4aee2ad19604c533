import type { NameAdapter } from '../adapter.js';

/** ResNets of torchvision and timm: their names are ours. */
export const torchvisionResNet: NameAdapter = {};

/**
 * ResNets of transformers (`microsoft/resnet-50`), with bottleneck or basic blocks, to torchvision's names. Stages are
 * counted from 0 there and from 1 in torchvision.
 */
export const transformersResNet: NameAdapter = {
  rules: [
    { from: /^resnet\./, to: '' },
    { from: /^embedder\.embedder\.convolution\./, to: 'conv1.' },
    { from: /^embedder\.embedder\.normalization\./, to: 'bn1.' },
    ...[0, 1, 2, 3].map((stage) => ({
      from: new RegExp(`^encoder\\.stages\\.${stage}\\.layers\\.(\\d+)\\.`),
      to: `layer${stage + 1}.$1.`,
    })),
    { from: /^(layer\d\.\d+)\.shortcut\.convolution\./, to: '$1.downsample.0.' },
    { from: /^(layer\d\.\d+)\.shortcut\.normalization\./, to: '$1.downsample.1.' },
    ...[0, 1, 2].flatMap((index) => [
      { from: new RegExp(`^(layer\\d\\.\\d+)\\.layer\\.${index}\\.convolution\\.`), to: `$1.conv${index + 1}.` },
      { from: new RegExp(`^(layer\\d\\.\\d+)\\.layer\\.${index}\\.normalization\\.`), to: `$1.bn${index + 1}.` },
    ]),
    { from: /^classifier\.1\./, to: 'fc.' },
  ],
};
