import { namedConfig } from '@diptych/core';
import { type NameAdapter, type OpenedCheckpoint, wrongFamily } from '@diptych/weights';
import { EFFICIENTNET_CONFIGS, type EfficientNetConfig, type EfficientNetName } from './efficientnet-configs.js';

/** timm's names are ours. */
const TIMM: NameAdapter = {};

/** Which network a checkpoint of timm is for. */
export function efficientNetOf(opened: OpenedCheckpoint): {
  architecture: EfficientNetName | EfficientNetConfig;
  adapter: NameAdapter;
} {
  const { config, library, architecture } = opened;
  if (library !== 'timm' || !/^(tf_)?efficientnet_/.test(architecture)) {
    wrongFamily(opened, 'vision.EfficientNet', "timm's EfficientNet");
  }
  const base: EfficientNetConfig = namedConfig('vision.EfficientNet', EFFICIENTNET_CONFIGS, architecture);
  const args = config.object('model_args');
  args.noneBut(['num_classes', 'global_pool', 'in_chans']);
  const adapter = TIMM;
  if (!args.has('in_chans')) return { architecture: architecture as EfficientNetName, adapter };
  return { architecture: { ...base, inChannels: args.number('in_chans') }, adapter };
}
