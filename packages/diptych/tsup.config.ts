import { packageConfig } from '../../tsup.base';

export default packageConfig({ entry: ['src/index.ts', 'src/core.ts', 'src/nn.ts', 'src/weights.ts'] });
