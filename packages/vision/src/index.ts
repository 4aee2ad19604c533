export { ClipVision, type ClipVisionOptions } from './clip/clip-vision.js';
export { CLIP_VISION_CONFIGS, type ClipVisionConfig, type ClipVisionName } from './clip/clip-vision-configs.js';
export { ConvNeXt, type ConvNeXtOptions } from './convnext/convnext.js';
export { CONVNEXT_CONFIGS, type ConvNeXtConfig, type ConvNeXtName } from './convnext/convnext-configs.js';
export { transformersConvNeXt } from './convnext/convnext-pretrained.js';
export { EfficientNet, type EfficientNetOptions } from './efficientnet/efficientnet.js';
export {
  EFFICIENTNET_CONFIGS,
  type EfficientNetConfig,
  type EfficientNetName,
} from './efficientnet/efficientnet-configs.js';
export { torchvisionEfficientNet } from './efficientnet/efficientnet-pretrained.js';
export { kinds } from './families.js';
export { imageEncoderFromPretrained } from './image-encoder-from-pretrained.js';
export { MobileNetV3, type MobileNetV3Options } from './mobilenet-v3/mobilenet-v3.js';
export {
  MOBILENET_V3_CONFIGS,
  type MobileNetV3Config,
  type MobileNetV3Name,
} from './mobilenet-v3/mobilenet-v3-configs.js';
export { torchvisionMobileNetV3 } from './mobilenet-v3/mobilenet-v3-pretrained.js';
export type { SizedPretrainedOptions } from './pretrained/image-size.js';
export { type PositionOptions, withPositionGrid } from './pretrained/position-grid.js';
export { ResNet, type ResNetOptions, type ResNetStages } from './resnet/resnet.js';
export { RESNET_CONFIGS, type ResNetConfig, type ResNetName } from './resnet/resnet-configs.js';
export { SiglipVision, type SiglipVisionOptions } from './siglip/siglip-vision.js';
export {
  SIGLIP_VISION_CONFIGS,
  type SiglipVisionConfig,
  type SiglipVisionName,
} from './siglip/siglip-vision-configs.js';
export { SmallCNN, type SmallCNNOptions } from './small-cnn/small-cnn.js';
export type { VisionTowerConfig } from './vision-tower.js';
export { ViT, type ViTOptions, type ViTPretrainedOptions } from './vit/vit.js';
export { VIT_CONFIGS, type ViTConfig, type ViTName } from './vit/vit-configs.js';
