import { ConfigError, checkFields } from '@diptych/core';
import { copyNode, type Program, Value } from '@diptych/graph';
import { checkProgram } from '../lowering/check-program.js';
import { RULES } from './rules.js';
import { type Placed, Sharder } from './sharder.js';

/** How a program is divided. */
export interface DataParallelOptions {
  /** Devices that run it side by side. */
  readonly replicas: number;
  /** Inputs that hold one row a sample along their first axis: each device gets its share of them, and all of the others. */
  readonly batch: Iterable<Value>;
}

/** A program for one of several devices. */
export interface DataParallelProgram {
  /** Inputs in the order of the original's; every device computes the same outputs. */
  readonly program: Program;
  /** Positions among its inputs of those of which each device gets its share. */
  readonly shared: readonly number[];
}

/**
 * Divides the batch of a program among several devices, which compute together what one would compute of the whole batch: the program
 * is recorded for the whole batch, and each value is followed from the inputs on, which axis of it holds the samples. What stands for
 * itself in each sample (layers, attention, dropout masks by row) is computed where the sample is; sums over samples (gradients of
 * weights, the statistics of batch normalisation) are computed in parts and added up; what compares samples with each other (the
 * similarities of a contrastive loss) sees the embeddings of all devices, so that every other sample of the batch is a negative
 * (Radford et al. 2021). Random numbers are those of the whole batch. Up to the order of sums, the result does not depend on the
 * number of devices.
 *
 * Pass it what was simplified, before normalisations are fused: a fused one has no part that could be added up.
 *
 * @throws ConfigError if a batch cannot be divided evenly
 */
export function dataParallel(program: Program, options: DataParallelOptions): DataParallelProgram {
  checkProgram(WHERE, program);
  checkFields(WHERE, 'options', options, ['replicas', 'batch']);
  const { replicas, batch } = options;
  const wanted = new Set(batch);
  if (!Number.isInteger(replicas) || replicas < 1) {
    throw new ConfigError({ where: WHERE, expected: 'a whole number of replicas from 1 on', got: String(replicas) });
  }
  const sharder = new Sharder(replicas);
  const placed = new Map<Value, Placed>();
  const inputs = program.inputs.map((leaf) => {
    const own = wanted.has(leaf) ? shareOf(leaf, replicas) : leaf;
    placed.set(leaf, { value: own, axis: own === leaf ? null : 0, shape: leaf.shape });
    return own;
  });
  for (const node of program.nodes) {
    const operands = node.inputs.map((input) => placed.get(input)!);
    const isDivided = operands.some(({ axis }) => axis !== null) || node.op.startsWith('Philox');
    const results =
      (isDivided && replicas > 1 ? RULES[node.op]?.(node, operands, sharder) : undefined) ??
      copyNode(
        node,
        operands.map((operand) => sharder.whole(operand)),
        sharder.builder,
      ).map((value) => ({
        value,
        axis: null,
        shape: value.shape,
      }));
    node.outputs.forEach((output, i) => {
      placed.set(output, [results].flat()[i]!);
    });
  }
  const outputs = program.outputs.map((output) => sharder.whole(placed.get(output)!));
  const shared = inputs.flatMap((own, i) => (own === program.inputs[i] ? [] : [i]));
  return { program: { inputs, nodes: sharder.nodesOf(outputs), outputs }, shared };
}

const WHERE = 'xla.dataParallel';

function shareOf(leaf: Value, replicas: number): Value {
  const [rows, ...rest] = leaf.shape;
  if (replicas === 1) return leaf;
  if (rows === undefined || rows % replicas !== 0 || rows === 0) {
    throw new ConfigError({
      where: WHERE,
      expected: `a batch that ${replicas} devices can share evenly`,
      got: `an input of shape [${leaf.shape}]`,
      remedy: `choose a batch size that is a multiple of ${replicas}`,
    });
  }
  return new Value([rows / replicas, ...rest], leaf.dtype);
}
