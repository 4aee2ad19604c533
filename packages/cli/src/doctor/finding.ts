/** One thing that was looked at. */
export interface Finding {
  readonly what: string;
  /** What is there. */
  readonly found: string;
  /** `mend`: commands fail until it is mended. `note`: they work, with less or slower. */
  readonly level: 'ok' | 'note' | 'mend';
  /** What to do about it; of all that is not `ok`. */
  readonly remedy?: string;
}

/** All is well. */
export function fine(what: string, found: string): Finding {
  return { what, found, level: 'ok' };
}

/** Works, with less or slower. */
export function note(what: string, found: string, remedy: string): Finding {
  return { what, found, level: 'note', remedy };
}

/** Has to be mended. */
export function mend(what: string, found: string, remedy: string): Finding {
  return { what, found, level: 'mend', remedy };
}

/** `3.2 GiB`. */
export function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
