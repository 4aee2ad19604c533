import type { Client, HostArray, LoadedExecutable } from '@diptych/pjrt';
import type { RecordedStep } from './programs.mjs';

export function compileStep(
  client: Client,
  trace: RecordedStep,
  options: { precision: string; attention?: string },
): Promise<{ executable: LoadedExecutable; seconds: number; run(): Promise<HostArray> }>;
