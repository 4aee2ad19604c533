import { packageConfig } from '../../tsup.base';

export default packageConfig({
  entry: ['src/main.ts'],
  platform: 'node',
  dts: false,
});
