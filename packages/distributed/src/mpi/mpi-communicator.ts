import {
  CommunicationError,
  type Communicator,
  isDiptychError,
  printable,
  type Reducible,
  type Reduction,
  type Sendable,
} from '@diptych/core';
import {
  checkRank,
  checkReducible,
  checkReduction,
  checkSendable,
  closedError,
  emptyLike,
  gatheredCounts,
  scatteredCounts,
  startsOf,
  totalOf,
} from '../check-collective.js';
import { addressOf, type MpiLibrary, type NativeCall } from './library.js';

/** Longest text of an error, of any implementation. */
const MAX_ERROR_STRING = 512;
/** Of what a rank that gives up leaves to the launcher. */
const ABORT_STATUS = 1;

/** MPI's `MPI_COMM_WORLD`. Collectives run one after the other on a thread beside JavaScript's. */
export class MpiCommunicator implements Communicator {
  readonly #mpi: MpiLibrary;
  readonly #timeout: number;
  /** Resolves when the last collective that was called is done. */
  #last: Promise<unknown> = Promise.resolve();
  #failure: CommunicationError | undefined;
  #isClosed = false;
  readonly #onExit = (code: number) => this.#leave(code);
  readonly #onError = (error: unknown) => this.#giveUp(error);

  /**
   * @param mpi with MPI initialised
   * @param timeout seconds that a rank waits in a collective before it ends the job
   */
  constructor(
    mpi: MpiLibrary,
    readonly rank: number,
    readonly size: number,
    timeout: number,
  ) {
    this.#mpi = mpi;
    this.#timeout = timeout;
    mpi.commSetErrhandler(mpi.constants.world, mpi.constants.errorsReturn);
    process.on('exit', this.#onExit);
    process.on('uncaughtExceptionMonitor', this.#onError);
  }

  async allReduce<Values extends Reducible>(values: Values, reduction: Reduction = 'sum'): Promise<Values> {
    checkReducible('allReduce', values);
    checkReduction('allReduce', reduction);
    const { inPlace, operations, world } = this.#mpi.constants;
    const operation = operations[reduction];
    const args = [inPlace, addressOf(values), values.length, this.#typeOf(values), operation, world];
    await this.#run('allReduce', values, this.#mpi.allreduce, args);
    return values;
  }

  async allGather<Values extends Sendable>(values: Values, counts?: readonly number[]): Promise<Values> {
    const each = gatheredCounts(this, values, counts);
    const whole = emptyLike(values, totalOf(each));
    const [lengths, starts] = [Int32Array.from(each), Int32Array.from(startsOf(each))];
    const type = this.#typeOf(values);
    const received = [addressOf(whole), addressOf(lengths), addressOf(starts), type, this.#mpi.constants.world];
    const args = [addressOf(values), values.length, type, ...received];
    await this.#run('allGather', [values, whole, lengths, starts], this.#mpi.allgatherv, args);
    return whole;
  }

  async reduceScatter<Values extends Reducible>(values: Values, counts?: readonly number[]): Promise<Values> {
    const each = scatteredCounts(this, values, counts);
    const share = emptyLike(values, each[this.rank]!);
    const lengths = Int32Array.from(each);
    const { operations, world } = this.#mpi.constants;
    const args = [addressOf(values), addressOf(share), addressOf(lengths), this.#typeOf(values), operations.sum, world];
    await this.#run('reduceScatter', [values, share, lengths], this.#mpi.reduceScatter, args);
    return share;
  }

  async broadcast<Values extends Sendable>(values: Values, root = 0): Promise<Values> {
    checkSendable('broadcast', values);
    checkRank('broadcast', root, this.size);
    const args = [addressOf(values), values.length, this.#typeOf(values), root, this.#mpi.constants.world];
    await this.#run('broadcast', values, this.#mpi.bcast, args);
    return values;
  }

  async barrier(): Promise<void> {
    await this.#run('barrier', undefined, this.#mpi.barrier, [this.#mpi.constants.world]);
  }

  async abort(reason: unknown): Promise<void> {
    this.#end(reason instanceof Error ? reason.message : String(reason));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#run('close', undefined, this.#mpi.barrier, [this.#mpi.constants.world]);
    this.#isClosed = true;
    this.#letGo();
    this.#mpi.finalize();
  }

  #typeOf(values: Sendable): bigint {
    const { types } = this.#mpi.constants;
    if (values instanceof Float32Array) return types.float;
    if (values instanceof Float64Array) return types.double;
    return values instanceof Int32Array ? types.int32 : types.byte;
  }

  /**
   * Runs a collective when those before it are done.
   *
   * @param kept what the library reads and writes meanwhile
   */
  async #run(name: string, kept: unknown, call: NativeCall, args: readonly (bigint | number)[]): Promise<void> {
    const where = `distributed.mpi: ${name} on rank ${this.rank} of ${this.size}`;
    if (this.#isClosed) throw closedError(where);
    if (this.#failure) throw this.#failure;
    const before = this.#last;
    const done = (async () => {
      await before;
      if (this.#failure) throw this.#failure;
      const code = await this.#within(where, call, args);
      if (code !== 0) throw this.#fail(where, code);
      return kept;
    })();
    // a failure reaches those who wait for this collective; those behind it find it in #failure
    this.#last = done.catch(() => undefined);
    await done;
  }

  /** Its code; ends the job where it takes too long. */
  #within(where: string, call: NativeCall, args: readonly (bigint | number)[]): Promise<number> {
    return new Promise((resolve, reject) => {
      const problem = `${where}: waited for ${this.#timeout} s for the other ranks; one of them hangs or is much slower; see its output, or allow more with \`timeout\``;
      const timer = setTimeout(() => this.#end(problem), this.#timeout * 1000);
      call.async(...args, (error, code) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve(code);
      });
    });
  }

  #fail(where: string, code: number): CommunicationError {
    const text = new Uint8Array(MAX_ERROR_STRING);
    const length = new Int32Array(1);
    this.#mpi.errorString(code, addressOf(text), addressOf(length));
    const said = printable(new TextDecoder().decode(text.subarray(0, length[0])).trim());
    const remedy = 'all ranks must call the same collectives with arrays of the same type and length';
    this.#failure = new CommunicationError({ where, problem: said || `MPI's error ${code}`, remedy });
    return this.#failure;
  }

  /** Says why, and ends all ranks. */
  #end(message: string): void {
    this.#letGo();
    process.stderr.write(`rank ${this.rank} of ${this.size} ends the job: ${printable(message)}\n`);
    // launchers drop what they have not passed on when the job ends
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    this.#mpi.abort(this.#mpi.constants.world, ABORT_STATUS);
  }

  #letGo(): void {
    process.off('exit', this.#onExit);
    process.off('uncaughtExceptionMonitor', this.#onError);
  }

  /** When an error ends this process, unless the program lives on with it. */
  #giveUp(error: unknown): void {
    if (process.listenerCount('uncaughtException') > 0) return;
    if (error instanceof Error && !isDiptychError(error)) console.error(error.stack);
    this.#end(error instanceof Error ? error.message : String(error));
  }

  /** When the process exits with the communicator open. */
  #leave(code: number): void {
    this.#letGo();
    if (code === 0) this.#mpi.finalize();
    else this.#end(`exit with status ${code}`);
  }
}
