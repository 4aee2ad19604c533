export type { RandomWeights } from './encoder-options.js';
export { ResNet, type ResNetOptions, type ResNetStages } from './resnet/resnet.js';
export { RESNET_CONFIGS, type ResNetConfig, type ResNetName } from './resnet/resnet-configs.js';
export { SmallCNN, type SmallCNNOptions } from './small-cnn.js';
