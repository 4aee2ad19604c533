import { defineConfig, type UserConfig } from 'vite';

/** What the pages have in common. They are built into the package: whoever installs it builds nothing. */
const common: UserConfig = {
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
};
const build: UserConfig['build'] = {
  target: 'es2022',
  emptyOutDir: true,
  modulePreload: false, // its helper is an inline script
  assetsInlineLimit: 0,
};

/** By mode: the search page, the training page, and the latter as one script with one style, for reports. */
export default defineConfig(({ mode }): UserConfig => {
  if (mode === 'training') {
    return { ...common, root: 'src/page/training', build: { ...build, outDir: '../../../dist/training' } };
  }
  if (mode !== 'report') return { ...common, root: 'src/page', build: { ...build, outDir: '../../dist/page' } };
  return {
    ...common,
    define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      ...build,
      outDir: 'dist/training',
      emptyOutDir: false,
      lib: { entry: 'src/page/training/report.tsx', formats: ['iife'], name: 'report', fileName: () => 'report.js' },
      rolldownOptions: { output: { assetFileNames: 'report.[ext]' } },
    },
  };
});
