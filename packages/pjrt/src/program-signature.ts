import { type ArraySpec, dtypeOfPrimitive } from './dtypes.js';
import { packedVarints, protoFields } from './protobuf.js';

/** What a program takes: an array, whose memory it may take over. */
export interface InputSpec extends ArraySpec {
  /** The program writes an output over it: the buffer is gone once it runs. */
  readonly isDonated: boolean;
}

/**
 * The inputs of a compiled program, from XLA's own form of it (`HloModuleProto` of xla/service/hlo.proto): the C API tells
 * outputs only, and takes a buffer of another dtype as if its bytes were meant.
 *
 * @param format as the plugin names it
 * @returns undefined for a form that this function does not know
 */
export function inputsOf(format: string, code: Uint8Array): InputSpec[] | undefined {
  if (format !== 'hlo' && format !== 'hlo_with_config') return undefined;
  const module = format === 'hlo' ? code : messages(code, 1)[0];
  const shape = module && messages(module, 4)[0];
  if (!shape) return undefined;
  const parameters = messages(shape, 1);
  // a program whose parameters were made one tuple
  const elements = parameters.length === 1 ? messages(parameters[0]!, 4) : [];
  const isTuple = elements.length > 0;
  const donated = donatedInputs(module, isTuple);
  return (isTuple ? elements : parameters).map((parameter, index) => ({
    ...arraySpec(parameter),
    isDonated: donated.has(index),
  }));
}

/** Inputs that outputs lie over (`HloInputOutputAliasProto`, field 8), or may (`HloBufferDonorProto`, field 18). */
function donatedInputs(module: Uint8Array, isTuple: boolean): Set<number> {
  const aliased = messages(module, 8).flatMap((alias) => messages(alias, 1).map((entry) => [entry, 2, 3] as const));
  const donors = messages(module, 18).flatMap((donor) => messages(donor, 1).map((entry) => [entry, 1, 2] as const));
  return new Set(
    [...aliased, ...donors].map(([entry, parameter, index]) => {
      return integers(entry, isTuple ? index : parameter)[0] ?? 0;
    }),
  );
}

/** `ShapeProto` of xla/xla_data.proto: 2 element_type, 3 dimensions. */
function arraySpec(shape: Uint8Array): ArraySpec {
  return { dtype: dtypeOfPrimitive(integers(shape, 2)[0] ?? 0), shape: integers(shape, 3) };
}

function messages(message: Uint8Array, number: number): Uint8Array[] {
  return valuesOf(message, number).filter((value) => typeof value !== 'number');
}

function integers(message: Uint8Array, number: number): number[] {
  return packedVarints(valuesOf(message, number));
}

function valuesOf(message: Uint8Array, number: number): (number | Uint8Array)[] {
  return Array.from(protoFields(message)).flatMap(([field, value]) => (field === number ? [value] : []));
}
