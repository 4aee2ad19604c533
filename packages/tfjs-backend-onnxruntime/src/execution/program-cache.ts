import type { Value } from '@diptych/graph';
import type { Executable } from './executable.js';
import type { SessionBudget, SessionHolder } from './session-budget.js';

/** A program that was built for eager work: what it was built for. */
export interface CachedProgram {
  executable: Executable;
  /** Estimate of the memory that it holds. */
  bytes: number;
  /** Position of each of its leaves among the inputs of the program it was built from. */
  indices: ReadonlyMap<Value, number>;
  /** Scalars at the time of building; null for other inputs. */
  scalars: readonly (number | null)[];
  /** Scalars that are inputs because they changed. */
  changing: ReadonlySet<number>;
}

/** Programs of eager work by structure, as long as the budget of sessions keeps them. */
export class ProgramCache {
  readonly #programs = new Map<string, CachedProgram & SessionHolder>();

  constructor(private readonly budget: SessionBudget) {}

  /** A program that was built before; counts as a use. */
  get(key: string): CachedProgram | undefined {
    const found = this.#programs.get(key);
    if (found) this.budget.use(found);
    return found;
  }

  set(key: string, program: CachedProgram): void {
    this.delete(key);
    const dispose = () => {
      this.#programs.delete(key);
      program.executable.dispose();
    };
    const holder = { ...program, dispose };
    this.#programs.set(key, holder);
    this.budget.use(holder);
  }

  delete(key: string): void {
    const found = this.#programs.get(key);
    if (found) this.budget.release(found);
  }
}
