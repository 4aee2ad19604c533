import { EngineError, type ErrorParts } from '@diptych/core';

/**
 * Why ONNX Runtime could not do the work:
 *
 * - `platform`: there is no native build for this machine, or it does not load
 * - `model`: the graph or the session options were refused, so no session was built
 * - `shape`: a value's shape, dtype or name is not what the graph takes
 * - `memory`: an allocation failed
 * - `run`: a node failed for another reason
 */
export type OrtFailure = 'platform' | 'model' | 'shape' | 'memory' | 'run';

/** An {@link EngineError} of ONNX Runtime. After any of them the session, and other sessions, still work. */
export class OrtError extends EngineError {
  readonly failure: OrtFailure;
  /** The operator that failed, where ONNX Runtime names it. */
  readonly opType: string | undefined;
  /** The failing node's name in the graph. */
  readonly node: string | undefined;

  constructor(failure: OrtFailure, parts: ErrorParts & { opType?: string; node?: string }, cause?: unknown) {
    super(parts, { cause });
    this.failure = failure;
    this.opType = parts.opType;
    this.node = parts.node;
  }
}

/** Turns what the native side threw into an {@link OrtError}. `context` says which values were involved. */
export function toOrtError(phase: 'model' | 'run', cause: unknown, context: string): OrtError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const [, opType, node] = NODE.exec(message) ?? [];
  const failure = classify(phase, message);
  return new OrtError(
    failure,
    {
      where: opType
        ? `onnxruntime ${opType} '${node}'`
        : `onnxruntime ${phase === 'run' ? 'session.run' : 'createSession'}`,
      problem: `${message.trim()} (${context})`,
      remedy: REMEDIES[failure],
      opType,
      node,
    },
    cause,
  );
}

/** The error for a result that cannot be allocated; `what` is its dtype and shape. */
export function outOfMemory(op: string, what: string, cause: unknown): OrtError {
  return new OrtError(
    'memory',
    {
      where: `onnxruntime ${op}`,
      problem: `no memory for its result, ${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: REMEDIES.memory,
      opType: op,
    },
    cause,
  );
}

/** ONNX Runtime's executor names the failing node in these words. */
const NODE = /running (\w+) node\. Name:'([^']*)'/;

function classify(phase: 'model' | 'run', message: string): OrtFailure {
  const match = PATTERNS.find(([pattern]) => pattern.test(message));
  return match && (phase === 'run' || match[1] === 'memory') ? match[1] : phase;
}

const PATTERNS: readonly (readonly [RegExp, OrtFailure])[] = [
  [
    /failed to allocate|bad_alloc|out of memory|available memory of|array buffer allocation|invalid array length/i,
    'memory',
  ],
  [
    /invalid (dimensions|rank) for|invalid (feed|input|output) name|unexpected input data type|shape mismatch|dimension mismatch|broadcast|size mismatch|cannot be reshaped|typed array/i,
    'shape',
  ],
];

const REMEDIES: Readonly<Record<OrtFailure, string | undefined>> = {
  platform: undefined,
  model:
    'look at the session options and execution providers that the backend was given; with the defaults, report this message',
  shape: 'compare the shapes above with those the function was recorded with',
  memory: 'use a smaller batch or shorter sequences, or dispose models and compiled functions that are not needed',
  run: 'look at the values that the operator reads, such as indices out of range',
};
