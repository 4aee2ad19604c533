import { namedConfig, WeightsError } from '@diptych/core';
import { adapters, type HubConfig, type NameAdapter, type OpenedCheckpoint, wrongFamily } from '@diptych/weights';
import { RESNET_CONFIGS, type ResNetConfig, type ResNetName } from './resnet-configs.js';

/** Which network a checkpoint is for, and how its names become torchvision's. */
export function resnetOf(opened: OpenedCheckpoint): {
  architecture: ResNetName | ResNetConfig;
  adapter: NameAdapter;
} {
  const { config, library, architecture } = opened;
  if (library === 'timm') {
    if (!/^(wide_)?resne?x?t\d/.test(architecture)) wrongFamily(opened, 'vision.ResNet', 'a ResNet');
    return { architecture: timmResNet(architecture, config), adapter: adapters.torchvisionResNet };
  }
  if (architecture !== 'resnet') wrongFamily(opened, 'vision.ResNet', 'a ResNet');
  return { architecture: transformersResNet(config, opened.name), adapter: adapters.transformersResNet };
}

function timmResNet(name: string, config: HubConfig): ResNetName | ResNetConfig {
  const base: ResNetConfig = namedConfig('vision.ResNet', RESNET_CONFIGS, name);
  const args = config.object('model_args');
  args.noneBut(['num_classes', 'global_pool', 'in_chans', 'layers', 'channels', 'cardinality', 'base_width']);
  if (!['in_chans', 'layers', 'channels', 'cardinality', 'base_width'].some((field) => args.has(field))) {
    return name as ResNetName;
  }
  args.only('channels', [64, 128, 256, 512]);
  return {
    ...base,
    layers: args.numbers('layers', base.layers),
    groups: args.number('cardinality', base.groups ?? 1),
    widthPerGroup: args.number('base_width', base.widthPerGroup ?? 64),
    inChannels: args.number('in_chans', 3),
  };
}

function transformersResNet(config: HubConfig, name: string): ResNetConfig {
  config.only('hidden_act', 'relu');
  config.only('downsample_in_first_stage', false);
  config.only('downsample_in_bottleneck', false);
  const block = config.text('layer_type', 'bottleneck') === 'basic' ? 'basic' : 'bottleneck';
  const width = config.number('embedding_size', 64);
  const hiddenSizes = config.numbers('hidden_sizes', [256, 512, 1024, 2048]);
  const expected = [1, 2, 4, 8].map((factor) => width * factor * (block === 'basic' ? 1 : 4));
  if (`${hiddenSizes}` !== `${expected}`) {
    throw new WeightsError({
      where: `${name}/config.json: hidden_sizes`,
      expected: `[${expected}], as torchvision's networks have for embedding_size ${width} and ${block} blocks`,
      got: `[${hiddenSizes}]`,
    });
  }
  return { block, layers: config.numbers('depths', [3, 4, 6, 3]), width, inChannels: config.number('num_channels', 3) };
}
