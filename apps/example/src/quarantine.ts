import { appendFileSync } from 'node:fs';
import { type DataError, formatOrigin } from '@diptych/data';

/** Items that could not be used: each once, with its place and reason, counted and noted in a file. */
export class QuarantineFile {
  readonly #reasons = new Map<string, string>();

  /** @param path JSONL; made with the first item */
  constructor(readonly path: string) {}

  readonly add = (error: DataError): void => {
    const { reason, message, origin } = error;
    const where = formatOrigin(origin);
    if (this.#reasons.has(where)) return;
    this.#reasons.set(where, reason);
    appendFileSync(this.path, `${JSON.stringify({ where, reason, message, ...origin })}\n`);
  };

  get count(): number {
    return this.#reasons.size;
  }

  /** `3 missing-file, 1 malformed-json`. */
  toString(): string {
    const counts = new Map<string, number>();
    for (const reason of this.#reasons.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    return [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ') || 'none';
  }
}
