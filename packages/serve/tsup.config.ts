import { packageConfig } from '../../tsup.base';

export default packageConfig({
  entry: { index: 'src/index.ts', client: 'src/client/index.ts', 'model-worker': 'src/model/model-worker.ts' },
  platform: 'node',
});
