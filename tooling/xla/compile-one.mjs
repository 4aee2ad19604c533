// Compiles one program for a GPU that is described, and says what came of it, as JSON on the last line. A process of its own for each:
// a compiler's abort must not end the check, and its memory goes back.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPlugin, Plugin } from '@diptych/pjrt';
import { dataParallel, lowerProgram, optimize } from '@diptych/tfjs-backend-xla';
import { root } from '../packages.mjs';
import { aliasesOf } from './capture.mjs';
import { isConstantIn, prepared, record } from './programs.mjs';

const { name, batch, precision, gpu, devices = 1, attention = 'xla', tiny = false } = JSON.parse(process.argv[2]);

const trace = await record({ name, batch, tiny });

/** The program of one of several devices. */
function divided() {
  const { program } = prepared(trace, { forDivision: true });
  const holdsSamples = (leaf) => trace.argumentOf.has(leaf) && leaf.shape.length > 1 && leaf.shape[0] === batch;
  const { program: own } = dataParallel(program, { replicas: devices, batch: program.inputs.filter(holdsSamples) });
  return optimize(own, (leaf) => program.inputs.includes(leaf) && isConstantIn(trace)(leaf));
}

const program = devices > 1 ? divided() : prepared(trace).program;
const aliases = aliasesOf(trace, program);
const { text } = lowerProgram(program, { precision, platform: 'cuda', aliases, replicas: devices, attention });

const target_config = readFileSync(join(root, `packages/pjrt/src/__fixtures__/${gpu}.txtpb`), 'utf8');
const plugin = Plugin.load(findPlugin('cuda13', { cache: join(root, '.cache/pjrt'), env: {} }));
const topology = await plugin.createTopology({ target_config, topology: `1x1x${devices}` });
const began = performance.now();
const executable = await plugin.compileFor(topology, text, { replicas: devices });
const seconds = (performance.now() - began) / 1000;
const code = Buffer.from(executable.optimizedProgram().code).toString('latin1');
const count = (pattern) => code.match(pattern)?.length ?? 0;
console.log(
  JSON.stringify({
    seconds,
    nodes: program.nodes.length,
    textBytes: text.length,
    digest: createHash('sha256').update(text).digest('hex').slice(0, 12),
    memory: executable.memory(),
    executableBytes: executable.serialize().length,
    donated: executable.inputs.filter(({ isDonated }) => isDonated).length,
    aliases: aliases.size,
    scatters: text.split('stablehlo.scatter').length - 1,
    has: {
      cudnnConvolution: count(/__cudnn\$conv[A-Za-z]*/g),
      cublas: count(/__cublas\$[a-z$]*/g),
      triton: count(/__triton[a-z_]*/g),
      cudnnAttention: count(/__cudnn\$fmha[A-Za-z]*/g),
      allReduce: count(/all-reduce/g),
      allGather: count(/all-gather/g),
    },
  }),
);
process.exit(0);
