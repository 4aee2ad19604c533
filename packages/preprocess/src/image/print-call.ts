/** An argument that can be printed as code. */
export type Argument =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Argument[]
  | { readonly [key: string]: Argument }
  | { toString(): string; readonly op: string };

/** `resize(256, 'bicubic')`: a call as a person would write it. Undefined arguments and properties are left out. */
export function printCall(name: string, args: readonly Argument[]): string {
  return `${name}(${args
    .filter((arg) => arg !== undefined)
    .map(printArgument)
    .join(', ')})`;
}

function printArgument(value: Argument): string {
  if (typeof value === 'string') return `'${value.replace(/[\\']/g, '\\$&')}'`;
  if (Array.isArray(value)) return `[${value.map(printArgument).join(', ')}]`;
  if (typeof value === 'function' || (typeof value === 'object' && value && Object.hasOwn(value, 'toString'))) {
    return String(value);
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return entries.length === 0
      ? '{}'
      : `{ ${entries.map(([key, item]) => `${key}: ${printArgument(item)}`).join(', ')} }`;
  }
  return String(value);
}
