import { defineConfig } from 'tsup';
import { packageOptions } from '../../tsup.base';

// tfjs-core's Node bundle registers no gradients, and its file that does cannot be loaded by plain Node: the Node entry
// carries a copy. Bundlers for browsers resolve the file themselves and share tfjs-core's modules.
export default defineConfig([
  packageOptions(),
  packageOptions({
    entry: { 'index.node': 'src/index.ts' },
    noExternal: [/tfjs-core\/dist\/register_all_gradients/],
    dts: false,
    clean: false,
  }),
]);
