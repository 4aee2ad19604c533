/** Numbers that can be added up over ranks. */
export type Reducible = Float32Array | Float64Array | Int32Array;

/** Numbers that can be sent from rank to rank. */
export type Sendable = Reducible | Uint8Array;

/** How values of several ranks become one. */
export type Reduction = 'sum' | 'min' | 'max';

/**
 * A group of processes that train one model together: each is a rank, numbered from 0. Named and meant as in MPI and
 * `torch.distributed`.
 *
 * All ranks call the same collectives in the same order with arguments of the same type and, where not said otherwise, the same
 * length. A rank may call the next before the one before it is done: they run in the order of the calls, beside the program.
 * Arrays that were handed over must not be touched until the promise resolves.
 *
 * Where one rank fails, none goes on: a collective that cannot be finished rejects with a `CommunicationError`, on every rank.
 */
export interface Communicator {
  /** The number of this process, 0 to size - 1. */
  readonly rank: number;
  /** How many processes there are. */
  readonly size: number;
  /** Sums up, element by element and in place. Every rank gets the same bits. */
  allReduce<Values extends Reducible>(values: Values, reduction?: Reduction): Promise<Values>;
  /**
   * The values of all ranks, one rank's behind the other's.
   *
   * @param counts elements of each rank, where they are not as many on each
   */
  allGather<Values extends Sendable>(values: Values, counts?: readonly number[]): Promise<Values>;
  /**
   * This rank's share of the sum over all ranks.
   *
   * @param values as many on each rank: the sum of `counts`
   * @param counts elements that each rank gets. Default: equal shares
   */
  reduceScatter<Values extends Reducible>(values: Values, counts?: readonly number[]): Promise<Values>;
  /** Writes one rank's values over those of all others. */
  broadcast<Values extends Sendable>(values: Values, root?: number): Promise<Values>;
  /** Waits until every rank is here. */
  barrier(): Promise<void>;
  /** Ends all ranks: this one has failed. What waits in a collective elsewhere is ended, with this message. Gives no control back where ranks are processes. */
  abort(reason: unknown): Promise<void>;
  /** Leaves the group, when every rank has come so far. Nothing can be called after it. */
  close(): Promise<void>;
}
