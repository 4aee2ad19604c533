import { fingerprint } from '../fingerprint.js';
import type { Program } from '../program.js';
import type { Value } from '../value.js';
import type { ProgramBudget, ProgramHolder } from './program-budget.js';

/** A program that was built for eager work. */
export interface BuiltProgram<Executable> {
  readonly executable: Executable;
  /** As it was built: rewritten, with leaves of the program that was asked for. */
  readonly program: Program;
  /** Estimate of the memory that it holds. */
  readonly bytes: number;
}

/** A built program for one that is to run. */
export interface FoundProgram<Executable> {
  readonly executable: Executable;
  readonly program: Program;
  /** The leaf, of the program that is to run, that a leaf of the built one stands for. */
  readonly leafFor: (leaf: Value) => Value;
}

interface CachedProgram<Executable> extends BuiltProgram<Executable>, ProgramHolder {
  readonly bytes: number;
  /** Position of each of its leaves among the inputs of the program it was built from. */
  readonly indices: ReadonlyMap<Value, number>;
  /** Scalars at the time of building; null for other inputs. */
  readonly scalars: readonly (number | null)[];
  /** Scalars that are inputs because they changed. */
  readonly changing: ReadonlySet<number>;
}

/**
 * Programs of eager work by structure, as long as the budget keeps them. Scalars in memory are taken for constants at first, so that
 * powers and divisions simplify; one that turns out to change from run to run (a learning rate) becomes an input.
 */
export class ProgramCache<Executable extends { dispose(): void }> {
  readonly #programs = new Map<string, CachedProgram<Executable>>();

  /**
   * @param build makes an executable of a program, of which some leaves never change
   * @param onUse told of each program, and whether it was built for it
   */
  constructor(
    private readonly budget: ProgramBudget,
    private readonly build: (program: Program, isConstant: (leaf: Value) => boolean) => BuiltProgram<Executable>,
    private readonly onUse: (wasBuilt: boolean) => void,
  ) {}

  /** The executable for a program: one that was built before for an equal one, or a new one. */
  obtain(program: Program): FoundProgram<Executable> {
    const key = fingerprint(program, () => '');
    const scalars = program.inputs.map(scalarOf);
    let cached = this.#programs.get(key);
    const changing = new Set(cached?.changing);
    if (cached) {
      for (const [i, value] of scalars.entries()) if (!Object.is(cached.scalars[i], value)) changing.add(i);
      if (changing.size > cached.changing.size) {
        this.budget.release(cached);
        cached = undefined;
      }
    }
    this.onUse(cached === undefined);
    cached ??= this.#add(key, program, scalars, changing);
    this.budget.use(cached);
    const { executable, indices } = cached;
    return { executable, program: cached.program, leafFor: (leaf) => program.inputs[indices.get(leaf)!]! };
  }

  #add(
    key: string,
    program: Program,
    scalars: readonly (number | null)[],
    changing: ReadonlySet<number>,
  ): CachedProgram<Executable> {
    const positions = new Map(program.inputs.map((leaf, i) => [leaf, i]));
    const isConstant = (leaf: Value) => {
      const position = positions.get(leaf)!;
      return scalars[position] !== null && !changing.has(position);
    };
    const built = this.build(program, isConstant);
    const indices = new Map(built.program.inputs.map((leaf) => [leaf, positions.get(leaf)!]));
    const dispose = () => {
      this.#programs.delete(key);
      built.executable.dispose();
    };
    const cached = { ...built, indices, scalars, changing, dispose };
    this.#programs.set(key, cached);
    return cached;
  }
}

/** Of a scalar in memory its value: one on a device is not asked for. */
function scalarOf(leaf: Value): number | null {
  if (leaf.size !== 1 || leaf.dtype === 'string' || leaf.isOnDeviceAlone) return null;
  return (leaf.data as Float32Array)[0]!;
}
