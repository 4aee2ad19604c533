/** A value that JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

/** A JSON object; undefined properties are left out when it is written. */
export type JsonObject = { readonly [key: string]: Json | undefined };

/** How to build a part again: from a checkpoint by its kind, or in a worker thread that imports the module. */
export interface PartDescription {
  /** Registered kind: package and class, e.g. `vision/resnet`, `preprocess/image-transform`. */
  readonly kind: string;
  readonly options: JsonObject;
  /** For worker threads: module specifier (package name or file URL) of a factory. */
  readonly module?: string;
  /** Name of the factory in that module, `(options) => part | Promise<part>`. */
  readonly export?: string;
}
