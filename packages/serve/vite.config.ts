import { defineConfig } from 'vite';

/** The search page, built into the package: whoever installs it builds nothing. */
export default defineConfig({
  root: 'src/page',
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/page',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: false, // its helper is an inline script
    assetsInlineLimit: 0,
  },
});
