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
  /** For worker threads, where the kind is not registered with a module: package name or file URL of one that has it. */
  readonly module?: string;
  /** Name of a factory in that module, `(options) => part | Promise<part>`. Default: its table `kinds`. */
  readonly export?: string;
}
