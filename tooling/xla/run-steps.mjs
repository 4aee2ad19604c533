// Runs a recorded step again and again on a device, weights written in place, the same batch each time.
import { lowerProgram } from '@diptych/tfjs-backend-xla';
import { prepared } from './programs.mjs';

const DTYPES = { float32: 'f32', int32: 's32', bool: 'pred' };

/** Seconds that some work takes, with what it gives. */
export async function timed(work) {
  const began = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - began) / 1000 };
}

/**
 * Compiles a recorded step for a client's first device.
 *
 * @returns the executable, how long it took, and `run`, which does one step and gives its first output: what the log reads
 */
export async function compileStep(client, trace, { precision, attention }) {
  const { program, aliases } = prepared(trace);
  const { text, flags } = lowerProgram(program, { precision, platform: client.platform, aliases, attention });
  const { result: executable, seconds } = await timed(() => client.compile(text, { flags }));
  const inputs = program.inputs.map((leaf) =>
    client.upload(trace.dataOf(leaf), leaf.shape, { dtype: DTYPES[leaf.dtype] }),
  );
  const state = new Set(aliases.values());
  const run = async () => {
    const outputs = executable.execute(inputs);
    for (const [input, output] of aliases) inputs[input] = outputs[output];
    const numbers = await outputs[0].read();
    outputs.forEach((output, i) => {
      if (!state.has(i)) output.dispose();
    });
    return numbers;
  };
  return { executable, seconds, run };
}
