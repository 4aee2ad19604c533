import '@diptych/tfjs-backend-onnxruntime';

export { type EmbedOptions, JointModel, type JointModelParts, type Picture } from './joint-model.js';
export type { BuildContext, Part, PartBuilder, PartBuilders } from './kinds.js';
export { Matrix, similarity } from './matrix.js';
export { type LoadModelOptions, load, save } from './model-folder.js';
