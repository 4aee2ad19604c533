export const root: string;

export function publishedPackages(): readonly {
  readonly folder: string;
  readonly name: string;
  readonly manifest: {
    readonly name: string;
    readonly version: string;
    readonly exports: Readonly<Record<string, unknown>>;
  };
}[];

export function repositoryAddress(): string;

export function pack(folder: string, destination: string): string;

export function withPublished<Result>(folder: string, work: (copy: string) => Result): Result;

export function withAbsoluteLinks(markdown: string, folder: string, address: string): string;

export interface EntryPoint {
  /** As it is imported, `@diptych/core/node`. */
  readonly name: string;
  readonly package: string;
  readonly source: string;
  readonly folder: string;
  readonly readme: string | undefined;
}

export function entryPoints(): EntryPoint[];
