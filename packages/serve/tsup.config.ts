import { packageConfig } from '../../tsup.base';

export default packageConfig({
  entry: {
    index: 'src/index.ts',
    client: 'src/client/index.ts',
    training: 'src/training/index.ts',
    'model-worker': 'src/model/model-worker.ts',
    'watch-worker': 'src/training/watch-worker.ts',
  },
  platform: 'node',
});
