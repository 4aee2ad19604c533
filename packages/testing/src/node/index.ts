export { largestDifference } from '../host-tensor.js';
export {
  type CheckGoldenOptions,
  checkGolden,
  type Float32Error,
  goldenBackends,
  goldenFamily,
  goldenGradients,
  goldenTensor,
  goldenTolerance,
  openGolden,
  readGoldenJson,
} from './golden.js';
