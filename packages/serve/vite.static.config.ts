import { defineConfig } from 'vite';

/** The search page that needs no server of ours, with ONNX Runtime: what `writeStaticSearch` puts beside a model and an index. */
export default defineConfig({
  root: 'src/page/static',
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // from a worker, files count from its own address
  experimental: { renderBuiltUrl: () => ({ relative: true }) },
  worker: { format: 'es' },
  build: {
    outDir: '../../../dist/static',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: false, // its helper is an inline script
    assetsInlineLimit: 0,
  },
});
