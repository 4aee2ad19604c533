import { packageConfig } from '../../tsup.base';

export default packageConfig({ entry: { index: 'src/index.ts', main: 'src/main.ts', wheels: 'src/wheels/index.ts' } });
