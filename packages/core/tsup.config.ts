import { packageConfig } from '../../tsup.base';

export default packageConfig({
  entry: { index: 'src/index.ts', 'tfjs/index': 'src/tfjs/index.ts', 'node/index': 'src/node/index.ts' },
});
