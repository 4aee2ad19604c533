import koffi from 'koffi';
import { type Constants, constantsOf, type Dialect } from './dialects.js';

/**
 * A function of MPI's C interface. Addresses, handles and counts all go in registers of the machine, so one prototype serves the
 * libraries whose handles are numbers as well as those whose handles are pointers.
 */
export interface NativeCall {
  (...args: (bigint | number)[]): number;
  async(...args: [...(bigint | number)[], (error: unknown, code: number) => void]): void;
}

const FUNCTIONS = {
  initThread: 'int MPI_Init_thread(int64_t argc, int64_t argv, int required, int64_t provided)',
  initialized: 'int MPI_Initialized(int64_t flag)',
  finalized: 'int MPI_Finalized(int64_t flag)',
  commRank: 'int MPI_Comm_rank(int64_t comm, int64_t rank)',
  commSize: 'int MPI_Comm_size(int64_t comm, int64_t size)',
  commSetErrhandler: 'int MPI_Comm_set_errhandler(int64_t comm, int64_t handler)',
  errorString: 'int MPI_Error_string(int code, int64_t text, int64_t length)',
  getLibraryVersion: 'int MPI_Get_library_version(int64_t text, int64_t length)',
  allreduce: 'int MPI_Allreduce(int64_t send, int64_t receive, int count, int64_t type, int64_t op, int64_t comm)',
  allgatherv:
    'int MPI_Allgatherv(int64_t send, int count, int64_t type, int64_t receive, int64_t counts, int64_t displacements, int64_t receiveType, int64_t comm)',
  reduceScatter:
    'int MPI_Reduce_scatter(int64_t send, int64_t receive, int64_t counts, int64_t type, int64_t op, int64_t comm)',
  bcast: 'int MPI_Bcast(int64_t buffer, int count, int64_t type, int root, int64_t comm)',
  barrier: 'int MPI_Barrier(int64_t comm)',
  abort: 'int MPI_Abort(int64_t comm, int code)',
  finalize: 'int MPI_Finalize()',
} as const;

/** A loaded library of MPI. */
export type MpiLibrary = { readonly [Name in keyof typeof FUNCTIONS]: NativeCall } & {
  readonly path: string;
  readonly dialect: Dialect;
  readonly constants: Constants;
};

/** Collectives of MPICH keep much on the stack, more than the 256 KiB that koffi's asynchronous calls have. */
const STACK_SIZE = 16 * 2 ** 20;

let isConfigured = false;

/** Only the first user of koffi in a process can set sizes; @diptych/pjrt sets the same. */
function configure(): void {
  if (isConfigured) return;
  isConfigured = true;
  try {
    koffi.config({ sync_stack_size: STACK_SIZE, async_stack_size: STACK_SIZE });
  } catch {
    // koffi is in use already
  }
}

const RTLD_NOW = 2;
const RTLD_GLOBAL = process.platform === 'darwin' ? 0x8 : 0x100;
const RTLD_NODELETE = process.platform === 'darwin' ? 0x80 : 0x1000;

/**
 * Loads a library, for good: its threads and exit handlers run on.
 *
 * @throws Error what the dynamic linker says, or which function is missing
 */
export function loadMpi(path: string, dialect: Dialect): MpiLibrary {
  configure();
  const library = koffi.load(path);
  // Open MPI's components look for the library's symbols among the global ones
  if (process.platform !== 'win32')
    koffi.load(null).func('void *dlopen(const char *path, int flags)')(path, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
  const functions = Object.fromEntries(
    Object.entries(FUNCTIONS).map(([name, prototype]) => [name, library.func(prototype)]),
  ) as unknown as Pick<MpiLibrary, keyof typeof FUNCTIONS>;
  const addressOf = (symbol: string) => koffi.address(library.symbol(symbol, 'void *'));
  return { ...functions, path, dialect, constants: constantsOf(dialect, addressOf) };
}

/** Where an array lies. It must stay referenced for as long as the library may read or write there. */
export function addressOf(values: NodeJS.TypedArray): bigint {
  // an empty array has no address to give
  return values.length === 0 ? 0n : koffi.address(values);
}
