import { packageConfig } from '../../tsup.base';

export default packageConfig({
  entry: {
    index: 'src/index.ts',
    'row-filter': 'src/row-filter.ts',
    'scan-worker': 'src/scan/scan-worker.ts',
    'stores/lancedb': 'src/stores/lancedb.ts',
    'stores/pgvector': 'src/stores/pgvector.ts',
    'stores/qdrant': 'src/stores/qdrant.ts',
    'stores/usearch': 'src/stores/usearch.ts',
  },
  platform: 'node',
});
