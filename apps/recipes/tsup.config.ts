import { packageConfig } from '../../tsup.base';

export default packageConfig({
  entry: ['src/main.ts', 'src/seed.ts'],
  // the example has no build: its pairs go into this one
  noExternal: [/^@diptych\/example/],
  platform: 'node',
  dts: false,
});
