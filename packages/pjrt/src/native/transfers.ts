interface TransferEvent {
  readonly isReady: boolean;
  waitSync(): void;
  dispose(): void;
}

interface Transfer {
  readonly event: TransferEvent;
  /** Kept from being collected. */
  readonly data: unknown;
}

/** Arrays that devices still read. They are let go when the next one comes, so that no thread has to wait for each. */
export class Transfers {
  #open: readonly Transfer[] = [];

  /** Keeps an array until an event is ready. */
  add(event: TransferEvent, data: unknown): void {
    const open: Transfer[] = [{ event, data }];
    for (const transfer of this.#open) {
      if (transfer.event.isReady) transfer.event.dispose();
      else open.push(transfer);
    }
    this.#open = open;
  }

  /** Stands still until no array is read any more. */
  finish(): void {
    for (const { event } of this.#open) event.waitSync();
    this.#open = [];
  }
}
