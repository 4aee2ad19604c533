/** One picture with its caption. */
export interface Pair {
  /** Stable name of the pair. */
  readonly id: string;
  /** Pairs with one group (captions of one picture, variants of one thing) stay on one side of a `base` split. */
  readonly group: string;
  /** Path of the picture. */
  readonly image: string;
  readonly text: string;
  /** Further words for what it shows; not part of its name. */
  readonly tags?: readonly string[];
}
