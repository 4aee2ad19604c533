import {
  CommunicationError,
  type Communicator,
  ConfigError,
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
} from './check-collective.js';

/**
 * Ranks within one process: for tests, and to see what a job of several ranks does. Ranks are expected to run beside each other
 * as asynchronous functions. Where calls of ranks do not match, all get an error that says how, where MPI would wait for ever.
 *
 * @throws ConfigError unless `size` is a whole number of at least 1
 */
export function inProcessGroup(size: number): Communicator[] {
  if (!Number.isInteger(size) || size < 1)
    throw new ConfigError({
      where: 'distributed.inProcessGroup',
      expected: 'at least one rank',
      got: String(size),
    });
  const group = new Group(size);
  return Array.from({ length: size }, (_, rank) => new InProcessCommunicator(group, rank));
}

/** What one rank brings to a collective. */
interface Call {
  /** What must be the same on all ranks. */
  readonly signature: string;
  readonly values: Sendable;
}

interface Meeting {
  readonly calls: (Call | undefined)[];
  readonly outcome: Promise<Sendable[]>;
  settle(outcome: Sendable[]): void;
  fail(error: unknown): void;
}

/** Works out what each rank gets from what all of them brought. */
type Work = (brought: readonly Sendable[]) => Sendable[];

class Group {
  readonly #meetings = new Map<number, Meeting>();
  #failure: CommunicationError | undefined;

  constructor(readonly size: number) {}

  /** Brings what a rank has to its nth collective, and waits for the others. */
  async meet(rank: number, turn: number, call: Call, work: Work): Promise<Sendable> {
    if (this.#failure) throw this.#failure;
    const meeting = this.#meetings.get(turn) ?? newMeeting(this.size);
    this.#meetings.set(turn, meeting);
    meeting.calls[rank] = call;
    if (meeting.calls.every((one) => one !== undefined)) {
      this.#meetings.delete(turn);
      const other = meeting.calls.findIndex(({ signature }) => signature !== call.signature);
      if (other >= 0) this.fail(mismatch(rank, call, other, meeting.calls[other]!), meeting);
      else meeting.settle(work(meeting.calls.map(({ values }) => values)));
    }
    return (await meeting.outcome)[rank]!;
  }

  /** From here on nothing of this group works. */
  fail(failure: CommunicationError, ...meetings: Meeting[]): void {
    this.#failure ??= failure;
    for (const meeting of [...meetings, ...this.#meetings.values()]) meeting.fail(this.#failure);
    this.#meetings.clear();
  }
}

function newMeeting(size: number): Meeting {
  let settle!: Meeting['settle'];
  let fail!: Meeting['fail'];
  const outcome = new Promise<Sendable[]>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  return { calls: Array.from({ length: size }), outcome, settle, fail };
}

function mismatch(rank: number, call: Call, other: number, others: Call): CommunicationError {
  return new CommunicationError({
    where: 'distributed.inProcessGroup',
    expected: `the same call on all ranks`,
    got: `${call.signature} on rank ${rank}, ${others.signature} on rank ${other}`,
  });
}

class InProcessCommunicator implements Communicator {
  #turn = 0;
  #isClosed = false;

  constructor(
    readonly group: Group,
    readonly rank: number,
  ) {}

  get size(): number {
    return this.group.size;
  }

  async allReduce<Values extends Reducible>(values: Values, reduction: Reduction = 'sum'): Promise<Values> {
    checkReducible('allReduce', values);
    checkReduction('allReduce', reduction);
    const signature = `allReduce(${values.constructor.name} of ${values.length}, ${reduction})`;
    const result = await this.#meet(signature, values, (brought) => {
      const reduced = reduce(brought as Reducible[], reduction);
      return brought.map(() => reduced);
    });
    values.set(result as Values);
    return values;
  }

  async allGather<Values extends Sendable>(values: Values, counts?: readonly number[]): Promise<Values> {
    const each = gatheredCounts(this, values, counts);
    const signature = `allGather(${values.constructor.name}, counts ${each.join(', ')})`;
    const result = await this.#meet(signature, values, (brought) => {
      const whole = emptyLike(values as Sendable, totalOf(each));
      const starts = startsOf(each);
      for (const [rank, part] of brought.entries()) whole.set(part, starts[rank]);
      return brought.map(() => whole.slice());
    });
    return result as Values;
  }

  async reduceScatter<Values extends Reducible>(values: Values, counts?: readonly number[]): Promise<Values> {
    const each = scatteredCounts(this, values, counts);
    const signature = `reduceScatter(${values.constructor.name}, counts ${each.join(', ')})`;
    const result = await this.#meet(signature, values, (brought) => {
      const sum = reduce(brought as Reducible[], 'sum');
      const starts = startsOf(each);
      return each.map((count, rank) => sum.slice(starts[rank], starts[rank]! + count));
    });
    return result as Values;
  }

  async broadcast<Values extends Sendable>(values: Values, root = 0): Promise<Values> {
    checkSendable('broadcast', values);
    checkRank('broadcast', root, this.size);
    const signature = `broadcast(${values.constructor.name} of ${values.length}, root ${root})`;
    const result = await this.#meet(signature, values, (brought) => {
      const sent = brought[root]!.slice();
      return brought.map(() => sent);
    });
    values.set(result as Values);
    return values;
  }

  async barrier(): Promise<void> {
    await this.#meet('barrier()', new Uint8Array(0), (brought) => [...brought]);
  }

  async abort(reason: unknown): Promise<void> {
    const problem = `rank ${this.rank} has failed: ${reason instanceof Error ? reason.message : String(reason)}`;
    this.group.fail(new CommunicationError({ where: 'distributed.inProcessGroup', problem }, { cause: reason }));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#meet('close()', new Uint8Array(0), (brought) => [...brought]);
    this.#isClosed = true;
  }

  async #meet(signature: string, values: Sendable, work: Work): Promise<Sendable> {
    if (this.#isClosed) throw closedError(signature);
    return await this.group.meet(this.rank, this.#turn++, { signature, values }, work);
  }
}

/** In the order of the ranks, so that every run gives the same bits. */
function reduce(brought: readonly Reducible[], reduction: Reduction): Reducible {
  const [first, ...rest] = brought;
  const reduced = first!.slice();
  for (const values of rest) {
    for (let i = 0; i < reduced.length; i++) {
      const [a, b] = [reduced[i]!, values[i]!];
      reduced[i] = reduction === 'sum' ? a + b : reduction === 'min' ? Math.min(a, b) : Math.max(a, b);
    }
  }
  return reduced;
}
