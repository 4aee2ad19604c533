export interface Block {
  readonly page: string;
  /** Line of the fence. */
  readonly line: number;
  readonly language: 'ts' | 'js';
  readonly source: string;
  /** Why it is type-checked only. */
  readonly notRun: string | undefined;
}

export function pages(): string[];

export function blocksOf(page: string): Block[];
