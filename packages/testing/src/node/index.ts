export {
  type CheckGoldenOptions,
  checkGolden,
  type Float32Error,
  goldenFamily,
  goldenTensor,
  goldenTolerance,
  openGolden,
  readGoldenJson,
} from './golden.js';
