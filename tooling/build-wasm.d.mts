/** The WebAssembly binary of one WAT source text. */
export function compileWat(name: string, text: string): Promise<Uint8Array>;
/** The checked-in TypeScript module for one binary. */
export function inlineSource(name: string, bytes: Uint8Array): string;
/** Every WebAssembly source of the repository. */
export const sources: readonly URL[];
