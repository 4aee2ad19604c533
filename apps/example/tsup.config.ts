import { packageConfig } from '../../tsup.base';

export default packageConfig({
  entry: ['src/train.ts', 'src/search.ts', 'src/seed.ts', 'src/job.ts'],
  platform: 'node',
  dts: false,
});
