import { packageConfig } from '../../tsup.base';

export default packageConfig({
  entry: ['src/main.ts', 'src/seed.ts'],
  // the example's pairs are sources: they go into this build
  noExternal: [/^@diptych\/example/],
  platform: 'node',
  dts: false,
});
