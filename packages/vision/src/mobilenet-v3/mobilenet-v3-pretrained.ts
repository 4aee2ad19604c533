import { namedConfig } from '@diptych/core';
import { type NameAdapter, type OpenedCheckpoint, wrongFamily } from '@diptych/weights';
import { MOBILENET_V3_CONFIGS, type MobileNetV3Config, type MobileNetV3Name } from './mobilenet-v3-configs.js';

/** timm's names are ours. */
const TIMM: NameAdapter = {};

/** Which network a checkpoint of timm is for. */
export function mobileNetV3Of(opened: OpenedCheckpoint): {
  architecture: MobileNetV3Name | MobileNetV3Config;
  adapter: NameAdapter;
} {
  const { config, library, architecture } = opened;
  if (library !== 'timm' || !/^(tf_)?mobilenetv3_/.test(architecture)) {
    wrongFamily(opened, 'vision.MobileNetV3', "timm's MobileNetV3");
  }
  const base: MobileNetV3Config = namedConfig('vision.MobileNetV3', MOBILENET_V3_CONFIGS, architecture);
  const args = config.object('model_args');
  args.noneBut(['num_classes', 'global_pool', 'in_chans']);
  const adapter = TIMM;
  if (!args.has('in_chans')) return { architecture: architecture as MobileNetV3Name, adapter };
  return { architecture: { ...base, inChannels: args.number('in_chans') }, adapter };
}
