import koffi from 'koffi';

/** A function of the C API: takes the address of its arguments' struct, gives the address of an error or null. */
export interface NativeFunction {
  (args: bigint): bigint | null;
  async(args: bigint, done: (error: unknown, result: bigint | null) => void): void;
}

/** glibc's and musl's flags: resolve now, and never unload. Darwin numbers the latter differently. */
const RTLD_NOW = 2;
const RTLD_NODELETE = process.platform === 'darwin' ? 0x80 : 0x1000;

const FUNCTION = koffi.proto('void *DiptychPjrtFunction(void *args)');

let isConfigured = false;

/**
 * XLA's compiler recurses deeply, also on the threads of asynchronous calls, beyond koffi's 256 KiB of stack. Only the first
 * user of koffi in a process can set them; where another one was first, its sizes stay.
 */
function configure(): void {
  if (isConfigured) return;
  isConfigured = true;
  const stack = 16 * 2 ** 20;
  try {
    koffi.config({ sync_stack_size: stack, async_stack_size: stack });
  } catch {
    // koffi is in use already
  }
}

/**
 * Loads a plugin's library and gives the address of its `PJRT_Api`. It stays loaded until the process ends: its threads run
 * on, and unloading it under them crashes the process.
 *
 * @throws Error what the dynamic linker says
 */
export function loadApi(path: string): bigint {
  configure();
  loadForGood(path);
  const api = koffi.load(path).func('void *GetPjrtApi()')() as bigint | null;
  if (api === null) throw new Error('GetPjrtApi gave no API');
  return api;
}

/**
 * Loads a library that is never unloaded.
 *
 * @returns false where the dynamic linker finds something missing
 */
export function loadForGood(path: string): boolean {
  if (process.platform === 'win32') return true;
  const dlopen = koffi.load(null).func('void *dlopen(const char *path, int flags)');
  return dlopen(path, RTLD_NOW | RTLD_NODELETE) !== null;
}

/** The function behind a pointer. */
export function functionAt(address: bigint): NativeFunction {
  return koffi.decode(address, FUNCTION) as NativeFunction;
}
