/** A value that JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

/** A JSON object; undefined properties are left out when it is written. */
export type JsonObject = { readonly [key: string]: Json | undefined };

/**
 * How to build a part again: from a checkpoint by its kind, or in a worker thread. Files hold `kind` and `options` alone.
 */
export interface PartDescription {
  /** Registered kind: package and class, e.g. `vision/resnet`, `preprocess/image-transform`. */
  readonly kind: string;
  readonly options: JsonObject;
}
