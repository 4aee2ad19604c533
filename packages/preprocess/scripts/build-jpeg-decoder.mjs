/**
 * Builds src/image/jpeg-decoder.wasm.ts from wasm/, libjpeg-turbo 3.2.0 and SIMDe (commit c285589a, after 0.8.4-rc3):
 *
 *     ZIG="zig" node scripts/build-jpeg-decoder.mjs LIBJPEG_TURBO_SOURCES SIMDE_SOURCES
 *
 * Zig 0.17 serves as clang and linker for WebAssembly (`pip install ziglang`, then ZIG="python -m ziglang").
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [libjpeg, simde] = process.argv.slice(2);
if (!libjpeg || !simde) throw new Error('usage: build-jpeg-decoder.mjs LIBJPEG_TURBO_SOURCES SIMDE_SOURCES');
const [zig, ...zigArguments] = (process.env.ZIG ?? 'zig').split(' ');
const folder = fileURLToPath(new URL('..', import.meta.url));
const objects = mkdtempSync(join(tmpdir(), 'jpeg-decoder-'));

const sources = [
  ...['jpeg-decoder', 'idct-islow'].map((name) => join(folder, 'wasm', `${name}.c`)),
  ...['jdapimin', 'jdhuff', 'jdinput', 'jdmarker', 'jdmaster', 'jdphuff', 'jcomapi', 'jmemmgr'].map((name) =>
    join(libjpeg, 'src', `${name}.c`),
  ),
  ...['jdapistd', 'jdcoefct', 'jdcolor', 'jddctmgr', 'jdmainct', 'jdpostct', 'jdsample', 'jutils'].map((name) =>
    join(libjpeg, 'src/wrapper', `${name}-8.c`),
  ),
  ...['jidctint', 'jidctfst', 'jidctflt', 'jidctred'].map((name) => join(libjpeg, 'src/wrapper', `${name}-8.c`)),
  ...['jdcolor', 'jdsample', 'jidctfst', 'jidctred'].map((name) => join(libjpeg, 'simd/arm', `${name}-neon.c`)),
  join(libjpeg, 'simd/jsimd.c'),
  join(libjpeg, 'simd/arm/aarch64/jsimdcpu.c'),
];
const includes = [join(folder, 'wasm/include'), ...['src', 'simd', 'simd/arm'].map((at) => join(libjpeg, at)), simde];
const compile = [
  ...['cc', '-c', '-target', 'wasm32-wasi', '-O3', '-flto', '-msimd128', '-mbulk-memory', '-w'],
  ...['-fno-stack-protector', '-fno-sanitize=all', '-DNO_GETENV'],
  // Makes jdhuff.h buffer 64 bits at a time: like x32, WebAssembly has 32-bit pointers and 64-bit registers.
  ...['-D__x86_64__', '-D__ILP32__'],
  ...includes.map((at) => `-I${at}`),
];
const link = ['--no-entry', '--gc-sections', '--strip-all', '--lto-O3', '--initial-memory=2097152'];

try {
  const built = sources.map((source) => {
    const object = join(objects, `${basename(source, '.c')}.o`);
    execFileSync(zig, [...zigArguments, ...compile, source, '-o', object], { stdio: 'inherit' });
    return object;
  });
  const wasm = join(objects, 'jpeg-decoder.wasm');
  execFileSync(zig, [...zigArguments, 'wasm-ld', ...built, '-o', wasm, ...link, '-z', 'stack-size=65536'], {
    stdio: 'inherit',
  });
  writeFileSync(
    join(folder, 'src/image/jpeg-decoder.wasm.ts'),
    `/** wasm/, libjpeg-turbo and SIMDe, built by scripts/build-jpeg-decoder.mjs; base64. */
export const jpegDecoderWasm =
  '${readFileSync(wasm).toString('base64')}';
`,
  );
} finally {
  rmSync(objects, { recursive: true });
}
