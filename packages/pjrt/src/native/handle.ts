import { EngineError } from '@diptych/core';
import type { Api, Slot } from './api.js';
import type { Struct } from './struct.js';

/** Something of the plugin's that must be destroyed once, and not used afterwards: both would end the process. */
export class Handle {
  readonly kind: string;
  readonly #api: Api;
  readonly #slot: Slot;
  readonly #args: () => Struct;
  readonly #owner: Handle | undefined;
  /** What goes with it, and before it. */
  readonly #owned = new Set<Handle>();
  #pointer: bigint;
  #end = '';

  /**
   * @param kind as errors name it
   * @param slot destroys it, with what `args` gives
   * @param owner what must not end before it
   */
  constructor(api: Api, kind: string, pointer: bigint, slot: Slot, args: () => Struct, owner?: Handle) {
    this.#api = api;
    this.kind = kind;
    this.#pointer = pointer;
    this.#slot = slot;
    this.#args = args;
    this.#owner = owner;
    if (owner) owner.#owned.add(this);
  }

  get isLive(): boolean {
    return this.#pointer !== 0n;
  }

  /**
   * What C calls it by.
   *
   * @throws EngineError once it ended
   */
  pointer(where: string): bigint {
    if (this.#pointer !== 0n) return this.#pointer;
    throw new EngineError({
      where,
      expected: `a ${this.kind} in use`,
      got: `one that was ${this.#end}`,
      remedy:
        this.#end === DONATED
          ? 'use what the execution returned in its place, or keep it: execute(args, { keep: [index] })'
          : 'dispose it after its last use',
    });
  }

  /** Destroys it and what it owns; nothing happens to one that ended. */
  end(reason: string): void {
    if (this.#pointer === 0n) return;
    for (const owned of this.#owned) owned.end(`disposed with its ${this.kind}`);
    const args = this.#args();
    this.#pointer = 0n;
    this.#end = reason;
    if (this.#owner) this.#owner.#owned.delete(this);
    this.#api.call(`pjrt.${this.kind}`, this.#slot, args);
  }
}

export const DISPOSED = 'disposed';
export const DONATED = 'donated to an execution';

let isReported = false;

const net = new FinalizationRegistry<Handle>((handle) => {
  if (!handle.isLive) return;
  handle.end('collected');
  if (isReported || handle.kind === 'event') return;
  isReported = true;
  process.emitWarning(`a ${handle.kind} was garbage collected without dispose(): memory of devices is freed late`, {
    code: 'DIPTYCH_PJRT_LEAK',
    detail: 'The garbage collector does not see that memory. This is said once; there may be more.',
  });
});

/** Ends a handle when the object that stands for it is collected, and says so once. */
export function collectWith(object: object, handle: Handle): void {
  net.register(object, handle);
}
