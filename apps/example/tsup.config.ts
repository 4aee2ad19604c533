import { packageConfig } from '../../tsup.base';

export default packageConfig({ entry: ['src/train.ts', 'src/search.ts'], platform: 'node', dts: false });
