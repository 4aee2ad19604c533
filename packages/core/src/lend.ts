const LENT = Symbol.for('diptych.lent');

/**
 * Marks an array that nobody changes for as long as a tensor made from it lives, so that a backend may keep it instead of
 * a copy: a batch of pictures is 12 MB a step that need not be written twice.
 *
 * @returns `data` itself
 */
export function lend<T extends Float32Array | Int32Array>(data: T): T {
  (data as { [LENT]?: boolean })[LENT] = true;
  return data;
}

/** Whether {@link lend} marked the array. */
export function isLent(data: object): boolean {
  return (data as { [LENT]?: boolean })[LENT] === true;
}
