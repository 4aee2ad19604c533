/** The names of C that a library's constants go by here. */
export interface Constants {
  readonly world: bigint;
  readonly types: Readonly<Record<'float' | 'double' | 'int32' | 'byte', bigint>>;
  readonly operations: Readonly<Record<'sum' | 'min' | 'max', bigint>>;
  readonly errorsReturn: bigint;
  readonly inPlace: bigint;
  readonly threadSerialized: number;
  readonly threadMultiple: number;
}

/** What a library's binary interface is. */
export type Dialect = 'abi' | 'mpich' | 'openmpi';

/** The standard ABI (MPI 5.0, chapter 20): `libmpi_abi.so.1` of any implementation. */
const ABI: Constants = {
  world: 0x101n,
  types: { float: 0x210n, double: 0x214n, int32: 0x250n, byte: 0x247n },
  operations: { sum: 0x21n, min: 0x22n, max: 0x23n },
  errorsReturn: 0x143n,
  inPlace: 1n,
  threadSerialized: 2048,
  threadMultiple: 4096,
};

/** The common ABI of MPICH 3.1 and later, Intel MPI, MVAPICH and Cray MPICH: `libmpi.so.12`; Debian calls MPICH's `libmpich.so.12`. */
const MPICH: Constants = {
  world: 0x44000000n,
  types: { float: 0x4c00040an, double: 0x4c00080bn, int32: 0x4c000439n, byte: 0x4c00010dn },
  operations: { sum: 0x58000003n, min: 0x58000002n, max: 0x58000001n },
  errorsReturn: 0x54000001n,
  inPlace: -1n,
  threadSerialized: 2,
  threadMultiple: 3,
};

/**
 * The constants of a library.
 *
 * @param addressOf of a symbol: Open MPI's handles are addresses of its global objects (`libmpi.so.40`)
 */
export function constantsOf(dialect: Dialect, addressOf: (symbol: string) => bigint): Constants {
  if (dialect === 'abi') return ABI;
  if (dialect === 'mpich') return MPICH;
  return {
    world: addressOf('ompi_mpi_comm_world'),
    types: {
      float: addressOf('ompi_mpi_float'),
      double: addressOf('ompi_mpi_double'),
      int32: addressOf('ompi_mpi_int32_t'),
      byte: addressOf('ompi_mpi_byte'),
    },
    operations: {
      sum: addressOf('ompi_mpi_op_sum'),
      min: addressOf('ompi_mpi_op_min'),
      max: addressOf('ompi_mpi_op_max'),
    },
    errorsReturn: addressOf('ompi_mpi_errors_return'),
    inPlace: 1n,
    threadSerialized: 2,
    threadMultiple: 3,
  };
}
