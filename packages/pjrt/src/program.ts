import { ConfigError } from '@diptych/core';
import type { Api } from './native/api.js';
import { bytesOf } from './native/memory.js';
import type { Struct } from './native/struct.js';

/**
 * A program as `PJRT_Program`.
 *
 * @throws ConfigError for what is neither text nor bytes
 */
export function programStruct(api: Api, where: string, program: string | Uint8Array): Struct {
  const isText = typeof program === 'string';
  if ((!isText && !(program instanceof Uint8Array)) || program.length === 0) {
    const got = program === null ? 'null' : typeof program === 'object' || isText ? 'an empty one' : typeof program;
    throw new ConfigError({ where, expected: 'a StableHLO program as text or MLIR bytecode', got });
  }
  // A copy: another thread reads it.
  const code = isText ? bytesOf(program) : program.slice();
  return api.struct('Program').list('code', 'code_size', code).list('format', 'format_size', bytesOf('mlir'));
}
