import { packageConfig } from '../../tsup.base';

export default packageConfig({
  entry: { index: 'src/index.ts', 'index.browser': 'src/index.browser.ts', 'node/index': 'src/node/index.ts' },
});
