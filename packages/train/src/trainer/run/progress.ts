/** Speed and remaining time of a run, from its last steps. */
export class Progress {
  readonly #clock: () => number;
  readonly #begin: number;
  #recent: { readonly seconds: number; readonly pairs: number }[] = [];
  #last: number;
  #yielded: number;
  readonly #total: number | undefined;

  /**
   * @param total steps of the run, where known
   * @param clock milliseconds, e.g. `performance.now`
   */
  constructor(total?: number, clock: () => number = () => performance.now()) {
    this.#total = total;
    this.#clock = clock;
    this.#begin = clock();
    this.#last = this.#begin;
    this.#yielded = this.#begin;
  }

  /** Counts a step that has just ended, and says where the run stands. */
  afterStep(step: number, pairs: number) {
    this.#count(pairs);
    return {
      total: this.#total,
      pairsPerSecond: this.pairsPerSecond,
      seconds: this.seconds,
      etaSeconds: this.#total === undefined ? undefined : this.#etaSeconds(this.#total - step),
    };
  }

  /** Lets signals and timers through now and then: steps on a CPU backend never wait for anything. */
  async letOthersRun(): Promise<void> {
    if (this.#clock() - this.#yielded < 50) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#yielded = this.#clock();
  }

  #count(pairs: number): void {
    const now = this.#clock();
    this.#recent = [...this.#recent.slice(1 - WINDOW), { seconds: (now - this.#last) / 1000, pairs }];
    this.#last = now;
  }

  /** Since the beginning. */
  get seconds(): number {
    return (this.#clock() - this.#begin) / 1000;
  }

  get pairsPerSecond(): number {
    const seconds = this.#recent.reduce((sum, step) => sum + step.seconds, 0);
    return seconds > 0 ? this.#recent.reduce((sum, step) => sum + step.pairs, 0) / seconds : 0;
  }

  /** By the median of the last steps, so that one slow step (a compilation, a checkpoint) does not throw it off. */
  #etaSeconds(remainingSteps: number): number {
    const sorted = this.#recent.map((step) => step.seconds).sort((a, b) => a - b);
    return (sorted[sorted.length >> 1] ?? 0) * remainingSteps;
  }
}

const WINDOW = 20;
