import { isDiptychError } from '@diptych/core';
import { type Finding, fine, gibibytes, mend, note } from './finding.js';
import type { Disk, Machine, Memory, Processor } from './machine.js';

/** Where doctor looks. */
export interface Surroundings {
  readonly config?: string;
  readonly runs?: string;
}

/** What all is for: from engines.node of the package. */
const LEAST_NODE = [20, 19] as const;
/** A run on the default towers takes about 1.5 GiB. */
const LEAST_MEMORY = 2 ** 30;
const COMFORTABLE_MEMORY = 4 * 2 ** 30;
const LEAST_DISK = 2 ** 30;
const COMFORTABLE_DISK = 5 * 2 ** 30;

/** Looks at all that commands need, each thing by itself: what is broken does not hide the rest. */
export async function doctor(machine: Machine, around: Surroundings): Promise<Finding[]> {
  const { runs, finding } = await configuration(around);
  return [
    nodeFinding(machine),
    finding,
    ...processorFindings(machine.processor(), machine.arch),
    memoryFinding(machine.memory()),
    diskFinding(`runs in ${runs}`, await machine.disk(runs)),
    await picturesFinding(machine),
    await engineFinding(machine),
    await gpuFinding(machine),
    ...(await xlaFindings(machine)),
    ...(await hub(machine)),
  ];
}

function nodeFinding({ nodeVersion, platform, arch }: Machine): Finding {
  const found = `${nodeVersion} on ${platform}-${arch}`;
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const isOld = major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1]);
  return isOld ? mend('Node', found, `install Node ${LEAST_NODE.join('.')} or newer: nodejs.org`) : fine('Node', found);
}

/** Also says where runs are. */
async function configuration({ config, runs }: Surroundings): Promise<{ runs: string; finding: Finding }> {
  const what = 'configuration';
  try {
    // loaded here: what it imports may be what is broken
    const [{ loadConfig }, { RUNS }] = await Promise.all([
      import('../config/load-config.js'),
      import('../config/train-plan.js'),
    ]);
    const { file, config: read } = await loadConfig(config, process.cwd());
    return { runs: runs ?? read.runs ?? RUNS, finding: fine(what, file ?? 'none: defaults') };
  } catch (error) {
    return { runs: runs ?? 'runs', finding: mend(what, messageOf(error), 'correct it, or name another: --config') };
  }
}

function processorFindings({ model, threads, quota, features }: Processor, arch: string): Finding[] {
  const sets = features && SETS.filter(([flag]) => features.has(flag)).map(([, name]) => name);
  const found = `${model}, ${threads} threads${sets === undefined ? '' : `, ${sets.join(', ') || 'no AVX'}`}`;
  const isSlow = arch === 'x64' && features !== undefined && !features.has('avx2');
  const findings = [
    isSlow
      ? note(
          'processor',
          found,
          'without AVX2 all is several times slower: use a machine from 2014 or later, or let the virtual machine pass it on',
        )
      : fine('processor', found),
  ];
  if (quota !== undefined && quota < threads) {
    const remedy = `threads beyond it wait for each other: give the container whole cores (--cpuset-cpus), or set --cpus=${threads}`;
    findings.push(note('processor time', `the container has ${quota.toFixed(1)} of ${threads} cores`, remedy));
  }
  return findings;
}

const SETS = [
  ['avx512f', 'AVX-512'],
  ['avx512_vnni', 'VNNI'],
  ['avx2', 'AVX2'],
  ['asimd', 'NEON'],
] as const;

function memoryFinding({ total, limit, available }: Memory): Finding {
  const whole = limit ?? total;
  const found = `${gibibytes(available)} free of ${gibibytes(whole)}${limit === undefined ? '' : `, the container's limit (machine: ${gibibytes(total)})`}`;
  const more =
    limit === undefined ? 'end other programs, or use a larger machine' : 'raise the limit (docker run --memory)';
  if (available < LEAST_MEMORY) return mend('memory', found, more);
  return whole < COMFORTABLE_MEMORY
    ? note('memory', found, `${more}, or train with --tune heads on small towers`)
    : fine('memory', found);
}

function diskFinding(what: string, { writable, free }: Disk): Finding {
  const found = `${gibibytes(free)} free`;
  if (!writable) return mend(what, 'cannot be written', 'name another folder: --runs');
  if (free < LEAST_DISK) return mend(what, found, 'remove old runs, or name another folder: --runs');
  return free < COMFORTABLE_DISK
    ? note(what, found, 'runs with --tune all keep checkpoints of all weights: make room')
    : fine(what, found);
}

async function picturesFinding(machine: Machine): Promise<Finding> {
  const { error, remedy } = await machine.tryPictures();
  return error === undefined ? fine('pictures', 'are decoded') : mend('pictures', error, remedy ?? 'npm install sharp');
}

async function engineFinding(machine: Machine): Promise<Finding> {
  const what = 'engine onnxruntime';
  const { error, remedy } = await machine.tryEngine('onnxruntime');
  if (error === undefined) return fine(what, 'trains a small step');
  const other = 'or choose --backend wasm';
  if (machine.isMusl()) {
    const glibc = `ONNX Runtime needs glibc, and this system has another C library (Alpine): use an image such as node:22-slim, ${other}`;
    return mend(what, error, glibc);
  }
  return mend(what, error, remedy ?? `npm install @diptych/tfjs-backend-onnxruntime, ${other}`);
}

async function gpuFinding(machine: Machine): Promise<Finding> {
  const what = 'GPU (--backend webgpu)';
  if (!machine.hasGpu()) return fine(what, 'none: the processor computes');
  const { error } = await machine.tryEngine('webgpu');
  if (error === undefined) return fine(what, 'trains a small step');
  const remedy =
    machine.platform === 'linux'
      ? "install a Vulkan driver (libvulkan1 and the GPU's own); in a container also NVIDIA_DRIVER_CAPABILITIES=all. The processor computes until then"
      : "update the GPU's driver. The processor computes until then";
  return note(what, error, remedy);
}

async function xlaFindings(machine: Machine): Promise<Finding[]> {
  const findings = (await machine.xla()) ?? [];
  const said = findings.map(({ what, found, remedy }) => {
    const name = `XLA: ${what}`;
    return remedy === undefined ? fine(name, found) : note(name, found, remedy);
  });
  // where a plugin is missing or broken, that is said already
  const isReady = said.length > 0 && said.every(({ level }) => level === 'ok');
  return isReady ? [...said, await xlaFinding(machine)] : said;
}

async function xlaFinding(machine: Machine): Promise<Finding> {
  const what = 'XLA (--backend xla)';
  const { error, remedy } = await machine.tryEngine('xla');
  if (error === undefined) return fine(what, 'trains a small step');
  return note(what, error, remedy ?? 'npm install @diptych/tfjs-backend-xla');
}

async function hub(machine: Machine): Promise<Finding[]> {
  try {
    const { hubFindings } = await import('./hub-findings.js');
    return await hubFindings(machine);
  } catch (error) {
    return [mend('hub', messageOf(error), 'install the packages again: npm ci')];
  }
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return isDiptychError(error) ? message : message.split('\n')[0]!;
}
