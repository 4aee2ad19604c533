export { bert, distilBert, roberta } from './bert.js';
export { clip, clipText, clipVision, openClip } from './clip.js';
export { fromFormat1, fromReference, toReference } from './multi-modal.js';
export { torchvisionResNet, transformersResNet } from './resnet.js';
export { siglip, siglipText, siglipVision } from './siglip.js';
export { timmViT, transformersViT } from './vit.js';
