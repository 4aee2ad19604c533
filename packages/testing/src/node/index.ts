export {
  type CheckGoldenOptions,
  checkGolden,
  type Float32Error,
  goldenBackends,
  goldenFamily,
  goldenTensor,
  goldenTolerance,
  openGolden,
  readGoldenJson,
} from './golden.js';
