import { checkFields, EngineError } from '@diptych/core';
import type { Node, Program } from '@diptych/graph';
import type { XlaFlag } from '@diptych/pjrt';
import type { DataType } from '@tensorflow/tfjs-core';
import type { XlaPrecision } from '../options.js';
import { moduleText } from '../stablehlo/index.js';
import { checkProgram } from './check-program.js';
import { pairDonations } from './donation.js';
import { Emitter, elementTypeOf, type Platform } from './emitter.js';
import { fuseAttention } from './fuse-attention.js';
import { LOWERINGS } from './kernels.js';
import { exactValues } from './precision.js';

/** How a program is lowered. */
export interface LowerOptions {
  /** Positions of inputs whose memory outputs may take: they are gone once the program has run. */
  readonly donated?: readonly number[];
  /**
   * Which output lies over which donated input, as input -> output; default: chosen by `pairDonations`. Inputs of it need
   * not be listed in `donated`.
   */
  readonly aliases?: ReadonlyMap<number, number>;
  /** The arithmetic of products and convolutions, and with `bf16` the type of what lies between them. */
  readonly precision: XlaPrecision;
  readonly platform: Platform;
  /**
   * Who computes attention: `xla` as it fuses products and softmax by itself, or `cudnn` by cuDNN's flash attention, for bfloat16 on NVIDIA
   * GPUs, where nothing is dropped out of the weights. Default `xla`.
   */
  readonly attention?: 'xla' | 'cudnn';
  /** Devices that run the program side by side: what `dataParallel` divided it for. Default 1. */
  readonly replicas?: number;
  /** The module's name, which profiles show. Default `program`. */
  readonly name?: string;
}

/** A tensor that goes into a program or comes out of it. */
export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype: DataType;
}

/** A program as StableHLO. */
export interface LoweredProgram {
  /** The module. Equal programs have equal texts, so that it can be the key of a cache. */
  readonly text: string;
  /** One an input of the program, in its order. */
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Which output lies over which input. */
  readonly aliases: ReadonlyMap<number, number>;
  /** XLA's flags without which the program means something else: give them to `compile`. */
  readonly flags: Readonly<Record<string, XlaFlag>>;
}

/** By default XLA's CPU compiler takes the second operand where the first is NaN, and the other way round, as x86 does. */
const FLAGS: Readonly<Record<Platform, Readonly<Record<string, XlaFlag>>>> = {
  cpu: { xla_cpu_enable_fast_min_max: false },
  cuda: {},
  tpu: {},
};

/**
 * True if the kernel has a lowering, and the node is one of those that it can express.
 *
 * @throws ConfigError unless it is a node
 */
export function canLower(kernelName: string, node: Pick<Node, 'inputs' | 'outputs'>): boolean {
  checkFields('tfjs-backend-xla.canLower', 'a node', node, ['inputs', 'outputs']);
  const { inputs, outputs } = node;
  return kernelName in LOWERINGS && [...inputs, ...outputs].every(({ dtype }) => elementTypeOf(dtype) !== undefined);
}

/**
 * A program as StableHLO with a function `main`. Programs are as they were recorded: channels last, before `assignLayouts`.
 * Inputs and outputs are float32, int32 or i1 whatever the precision.
 *
 * @throws EngineError for a node that has no lowering ({@link canLower})
 * @throws ConfigError for donated positions that there are not, or what is no program
 */
export function lowerProgram(given: Program, options: LowerOptions): LoweredProgram {
  checkProgram('tfjs-backend-xla.lowerProgram', given);
  checkFields('tfjs-backend-xla.lowerProgram', 'options', options, ['precision', 'platform']);
  const { precision, platform, attention = 'xla', replicas, name } = options;
  const isFused = attention === 'cudnn' && platform === 'cuda' && precision === 'bf16';
  const program = isFused ? fuseAttention(given) : given;
  const emitter = new Emitter({ precision, platform }, precision === 'bf16' ? exactValues(program) : undefined);
  const aliases = new Map([...pairDonations(program, options.donated ?? []), ...(options.aliases ?? [])]);
  program.inputs.forEach((leaf, i) => {
    const elementType = elementTypeOf(leaf.dtype);
    if (!elementType) throw unknown(`an input of dtype ${leaf.dtype}`);
    const output = aliases.get(i);
    const attributes = output === undefined ? [] : [`tf.aliasing_output = ${output} : i32`];
    emitter.bind(leaf, emitter.argument({ shape: leaf.shape, elementType }, attributes));
  });
  for (const node of program.nodes) {
    if (!canLower(node.op, node)) throw unknown(`${node.op} of ${node.inputs.map(describe).join(', ') || 'nothing'}`);
    emitter.lower(node, LOWERINGS[node.op]!);
  }
  const results = program.outputs.map((output) => emitter.convert(emitter.hloOf(output), elementTypeOf(output.dtype)!));
  return {
    text: moduleText(emitter, results, { name, replicas }),
    inputs: program.inputs.map(specOf),
    outputs: program.outputs.map(specOf),
    aliases,
    flags: FLAGS[platform],
  };
}

const specOf = ({ shape, dtype }: TensorSpec): TensorSpec => ({ shape: [...shape], dtype });

const describe = ({ shape, dtype }: TensorSpec) => `${dtype}[${shape}]`;

function unknown(what: string): EngineError {
  return new EngineError({
    where: 'xla.lowerProgram',
    problem: `${what} has no form in StableHLO`,
    remedy: 'run it outside of the program: canLower(kernelName, node) says which nodes those are',
  });
}
