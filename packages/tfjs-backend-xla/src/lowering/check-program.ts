import { checkFields } from '@diptych/core';
import type { Program } from '@diptych/graph';

/** @throws ConfigError unless it is a recorded program */
export function checkProgram(where: string, program: unknown): asserts program is Program {
  checkFields(where, 'a program', program, ['inputs', 'nodes', 'outputs']);
}
