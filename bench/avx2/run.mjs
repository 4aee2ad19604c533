// node bench/avx2/run.mjs <program of bench/> [arguments]: as on a machine with AVX2 alone, both sides.
//   node bench/avx2/run.mjs run.mjs small-step --threads 1 --clock cpu
// A processor with AVX-512 runs ONNX Runtime's AVX2 kernels when the library believes that there are no others: in a copy of it every
// `cpuid` is replaced by an illegal instruction, which mask-cpuid.c answers. PyTorch, oneDNN and MKL are told by their own variables.
// Linux on x86-64, with gcc and objdump. Clock rate and caches stay those of this machine.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LIBRARY = 'libonnxruntime.so.1';
const CPUID = Buffer.of(0x0f, 0xa2);
const ILLEGAL = Buffer.of(0x0f, 0x0b);

const here = fileURLToPath(new URL('.', import.meta.url));
const folder = join(here, '../../.cache/avx2');
mkdirSync(folder, { recursive: true });

const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
const original = join(dirname(entry), `../bin/napi-v6/linux/x64/${LIBRARY}`);
writeFileSync(join(folder, LIBRARY), withoutCpuid(original));
const mask = join(folder, 'mask-cpuid.so');
execFileSync('gcc', ['-O2', '-shared', '-fPIC', '-o', mask, join(here, 'mask-cpuid.c'), '-ldl']);

const [program, ...args] = process.argv.slice(2);
const { status } = spawnSync(process.execPath, [join(here, '..', program), ...args], {
  stdio: 'inherit',
  env: {
    ...process.env,
    LD_PRELOAD: mask,
    LD_LIBRARY_PATH: folder,
    ATEN_CPU_CAPABILITY: 'avx2',
    ONEDNN_MAX_CPU_ISA: 'AVX2',
    MKL_ENABLE_INSTRUCTIONS: 'AVX2',
  },
});
process.exitCode = status ?? 1;

/** The library's bytes, with each `cpuid` that objdump finds replaced. */
function withoutCpuid(file) {
  const bytes = readFileSync(file);
  const segments = execFileSync('readelf', ['-lW', file], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([type]) => type === 'LOAD')
    .map(([, offset, address, , size]) => ({ offset: Number(offset), address: Number(address), size: Number(size) }));
  const text = execFileSync('objdump', ['-d', '--no-show-raw-insn', file], { encoding: 'utf8', maxBuffer: 2 ** 30 });
  for (const [, hex] of text.matchAll(/^\s*([0-9a-f]+):\s+cpuid\b/gm)) {
    const address = Number.parseInt(hex, 16);
    const segment = segments.find((s) => address >= s.address && address < s.address + s.size);
    const at = address - segment.address + segment.offset;
    if (!bytes.subarray(at, at + 2).equals(CPUID)) throw new Error(`no cpuid at ${hex} of ${file}`);
    ILLEGAL.copy(bytes, at);
  }
  return bytes;
}
