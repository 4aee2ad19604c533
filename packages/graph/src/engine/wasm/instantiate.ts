/** Compiles one of the inlined binaries. Both are below a kilobyte, so that compiling takes about a millisecond. */
export function compileInlined(base64: string): WebAssembly.Module {
  return new WebAssembly.Module(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}

/** An instance over `memory`, with its exports typed by the caller. */
export function instantiate<Exports>(module: WebAssembly.Module, memory: WebAssembly.Memory): Exports {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as Exports;
}

/** Bytes of one page of WebAssembly memory. */
export const PAGE_BYTES = 65536;
