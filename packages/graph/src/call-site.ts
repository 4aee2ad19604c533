/** Frames of tfjs, of the engine and of Node itself: none of them is the line that a user can change. */
const INTERNAL =
  /tfjs-core|tf-core|packages\/graph\/(src|dist)\/(?!.*\.test\.)|@diptych\/(graph|nn)\/|node:internal|tfjs-backend-(?:onnxruntime|xla)\/(src|dist)\/(?!.*\.test\.)/;

/** Where the user's code is on the present call stack: `file:line:column`, or `unknown`. */
export function callSite(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  const stack = new Error().stack ?? '';
  Error.stackTraceLimit = limit;
  const frame = stack
    .split('\n')
    .slice(1)
    .find((line) => !INTERNAL.test(line));
  return frame?.match(/\(?((?:file:\/\/)?[^\s()]+:\d+:\d+)\)?$/)?.[1] ?? 'unknown';
}
