import { appendFileSync } from 'node:fs';
import { InputError, printable } from '@diptych/core';
import { type BadReason, type DataError, messageOf } from './data-error.js';
import { formatOrigin } from './origin.js';

/** What happens with items that cannot be used. */
export interface QuarantineOptions {
  /** Throws the first bad item instead of passing it over. */
  readonly strict?: boolean;
  /**
   * Where bad items are noted, a JSON object a line: `{ epoch, where, reason, message, file, line?, row?, member? }`.
   * `quarantine.jsonl` by default, made with the first bad item; false: nowhere.
   */
  readonly quarantine?: string | false;
  /** Called with each bad item. */
  readonly onBad?: (error: DataError) => void;
}

/** How many items were passed over, and why. */
export interface QuarantineCounts {
  readonly total: number;
  readonly byReason: Readonly<Partial<Record<BadReason, number>>>;
}

/**
 * Takes bad items: throws them (strict), or notes each once in a file and counts it per epoch. Holds no items, only
 * the places that were noted already, so that the file does not repeat itself every epoch; beyond `MAX_NOTES` places it
 * only counts.
 */
export class Quarantine {
  readonly #options: QuarantineOptions;
  readonly #noted = new Set<string>();
  #unwritable = false;
  #epoch = 0;
  #total = 0;
  #byReason = new Map<BadReason, number>();

  constructor(options: QuarantineOptions) {
    this.#options = options;
  }

  /** Begins to count anew. */
  startEpoch(epoch: number): void {
    this.#epoch = epoch;
    this.#total = 0;
    this.#byReason = new Map();
  }

  /** @throws the error itself in strict mode */
  readonly reject = (error: DataError): void => {
    if (this.#options.strict) throw error;
    this.#total++;
    this.#byReason.set(error.reason, (this.#byReason.get(error.reason) ?? 0) + 1);
    this.#note(error);
    this.#options.onBad?.(error);
  };

  /** Counts of the current epoch. */
  get counts(): QuarantineCounts {
    return { total: this.#total, byReason: Object.fromEntries(this.#byReason) };
  }

  /** `3 undecodable-image, 1 empty-caption`. */
  toString(): string {
    const parts = [...this.#byReason].sort(([, a], [, b]) => b - a).map(([reason, count]) => `${count} ${reason}`);
    return parts.join(', ') || 'nothing';
  }

  /** The error for a source of which next to nothing can be used. */
  mostlyBad(where: string, problem: string): InputError {
    const { quarantine: file = FILE } = this.#options;
    return new InputError({
      where,
      problem: `${problem}: ${this}`,
      remedy: file === false ? 'see them with onBad' : `each is explained in ${file}`,
    });
  }

  #note(error: DataError): void {
    const { quarantine: file = FILE } = this.#options;
    if (file === false || this.#unwritable || this.#noted.size >= MAX_NOTES) return;
    const key = `${error.reason} ${formatOrigin(error.origin)}`;
    if (this.#noted.has(key)) return;
    this.#noted.add(key);
    const { origin, reason, message, where } = error;
    // Escapes of `printable` are escapes of JSON too: the note reads as the same text.
    const note = printable(JSON.stringify({ epoch: this.#epoch, where, reason, message: clip(message), ...origin }));
    try {
      // Synchronous and opened anew: bad items are rare, and the note must survive a crash right after.
      appendFileSync(file, `${note}\n`);
    } catch (cause) {
      // A folder that is read-only must not end a run that bad items do not end.
      this.#unwritable = true;
      process.emitWarning(`bad items are counted but not noted: ${messageOf(cause)}`, { code: 'DIPTYCH_QUARANTINE' });
    }
  }
}

const FILE = 'quarantine.jsonl';
const MAX_NOTES = 100_000;

function clip(text: string): string {
  return text.length > 1000 ? `${text.slice(0, 1000)}…` : text;
}
