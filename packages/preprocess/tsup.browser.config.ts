import { browserConfig } from '../../tsup.base';

export default browserConfig({ entry: { 'image/index': 'src/image/index.ts', 'text/index': 'src/text/index.ts' } });
