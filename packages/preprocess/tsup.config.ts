import { packageConfig } from '../../tsup.base';

export default packageConfig({ entry: { 'image/index': 'src/image/index.ts', 'text/index': 'src/text/index.ts' } });
