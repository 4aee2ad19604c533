import { packageConfig } from '../../tsup.base';

export default packageConfig({
  entry: {
    index: 'src/index.ts',
    'scan-worker': 'src/scan/scan-worker.ts',
    'stores/pgvector': 'src/stores/pgvector.ts',
  },
  platform: 'node',
});
