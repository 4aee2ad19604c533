import '@tensorflow/tfjs-backend-cpu';
import { buffersOf, parametersOf, type Stateful } from '@diptych/core';
import { BlankGenerator } from '@diptych/nn';
import { adaptName, type NameAdapter } from '@diptych/weights';
import { expect, it } from 'vitest';
import published from './__fixtures__/torchvision-mobile.json' with { type: 'json' };
import {
  EFFICIENTNET_CONFIGS,
  EfficientNet,
  MOBILENET_V3_CONFIGS,
  MobileNetV3,
  torchvisionEfficientNet,
  torchvisionMobileNetV3,
} from './index.js';

// Names and shapes of torchvision's networks with 1000 classes, by reference/gen_torchvision_mobile.py.

const options = { embedDim: 1000, generator: new BlankGenerator() };
const efficientNet = (name: keyof typeof EFFICIENTNET_CONFIGS): [() => Stateful, NameAdapter] => [
  () => new EfficientNet(name, options),
  torchvisionEfficientNet(EFFICIENTNET_CONFIGS[name]),
];
const mobileNet = (name: keyof typeof MOBILENET_V3_CONFIGS): [() => Stateful, NameAdapter] => [
  () => new MobileNetV3(name, options),
  torchvisionMobileNetV3(MOBILENET_V3_CONFIGS[name]),
];
const networks: Record<keyof typeof published, [() => Stateful, NameAdapter]> = {
  efficientnet_b0: efficientNet('efficientnet_b0'),
  efficientnet_b2: efficientNet('efficientnet_b2'),
  mobilenet_v3_small: mobileNet('mobilenet_v3_small'),
  mobilenet_v3_large: mobileNet('mobilenet_v3_large'),
};

it.each(Object.entries(networks))(
  "%s: torchvision's names find every place of ours, in its shape",
  (name, [make, adapter]) => {
    const model = make();
    /** Without axes of size 1, which loadState does not compare either: a linear head is a 1x1 convolution. */
    const shape = (sizes: readonly number[]) => sizes.filter((size) => size !== 1).join('x');
    const ours = [...parametersOf(model), ...buffersOf(model)].map(
      ([key, variable]) => `${key} ${shape(variable.shape)}`,
    );
    const theirs = Object.entries(published[name as keyof typeof published]).map(
      ([key, sizes]) => `${adaptName(key, adapter)!.names} ${shape(sizes)}`,
    );
    expect(theirs.sort()).toEqual(ours.sort());
    for (const key of ours) {
      const [own] = key.split(' ') as [string];
      expect(adaptName(own, adapter)!.names).toEqual([own]);
    }
    model.dispose();
  },
);
