import { browserConfig } from '../../tsup.base';

export default browserConfig({
  entry: { index: 'src/index.browser.ts', core: 'src/core.ts', nn: 'src/nn.ts', weights: 'src/weights.browser.ts' },
});
