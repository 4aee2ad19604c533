import { denseText, type Elements, splatText } from './literals.js';
import { HloValue, type TensorType, typeText } from './types.js';

/** Attributes of an argument of a function, as MLIR prints them: `tf.aliasing_output = 0 : i32`. */
export interface Argument {
  readonly value: HloValue;
  readonly attributes: readonly string[];
}

/** What one line of a program says: everything right of the equals sign but the types. */
interface Line {
  /** `stablehlo.add %0, %1` */
  readonly text: string;
  /** How the types follow. `same`: one type for operands and result, as elementwise operations print. */
  readonly types: 'same' | 'result' | 'signature';
  readonly operands: readonly HloValue[];
}

/**
 * The text of one function, line by line. Names are numbers in the order in which values are made, and equal constants are made
 * once in each region, so that equal programs have equal texts.
 */
export class HloFunction {
  readonly arguments: Argument[] = [];
  #lines: string[] = [];
  #constants = new Map<string, HloValue>();
  #made = 0;
  #depth = 2;

  /** An argument of the function. */
  argument(type: TensorType, attributes: readonly string[] = []): HloValue {
    const value = new HloValue(`%arg${this.arguments.length}`, type.shape, type.elementType);
    this.arguments.push({ value, attributes });
    return value;
  }

  /** An operation with one result. */
  emit(line: Line, type: TensorType): HloValue {
    return this.emitMany(line, [type])[0]!;
  }

  /** An operation with several results. */
  emitMany({ text, types, operands }: Line, results: readonly TensorType[]): HloValue[] {
    const name = `%${this.#made++}`;
    const values = results.map(
      ({ shape, elementType }, i) => new HloValue(results.length > 1 ? `${name}#${i}` : name, shape, elementType),
    );
    const outputs = results.length === 1 ? values[0]!.type : `(${values.map(({ type }) => type).join(', ')})`;
    const signature = `(${operands.map(({ type }) => type).join(', ')}) -> ${outputs}`;
    const count = results.length > 1 ? `:${results.length}` : '';
    this.#line(`${name}${count} = ${text} : ${types === 'signature' ? signature : outputs}`);
    return values;
  }

  /** An elementwise operation whose operands and result have one type. */
  elementwise(operation: string, operands: readonly HloValue[]): HloValue {
    const text = `stablehlo.${operation} ${operands.map(({ name }) => name).join(', ')}`;
    return this.emit({ text, types: 'same', operands }, operands[0]!);
  }

  /**
   * An operation in MLIR's generic form.
   *
   * @param attributes as MLIR prints them, in the order given
   * @param regions as {@link region} gives them
   */
  generic(
    operation: string,
    operands: readonly HloValue[],
    results: readonly TensorType[],
    attributes: readonly string[] = [],
    regions: readonly string[] = [],
  ): HloValue[] {
    const properties = attributes.length > 0 ? ` <{${attributes.join(', ')}}>` : '';
    const bodies = regions.length > 0 ? ` (${regions.join(', ')})` : '';
    const text = `"${operation}"(${operands.map(({ name }) => name).join(', ')})${properties}${bodies}`;
    return this.emitMany({ text, types: 'signature', operands }, results);
  }

  /**
   * A region of an operation: `body` makes its lines, given its arguments, and returns what it yields. A region must not use
   * values from outside, except those of `while` and `case`.
   */
  region(
    types: readonly TensorType[],
    body: (...args: HloValue[]) => readonly HloValue[],
    terminator = 'stablehlo.return',
  ): string {
    const args = types.map(({ shape, elementType }) => new HloValue(`%${this.#made++}`, shape, elementType));
    const outside = { lines: this.#lines, constants: this.#constants };
    this.#lines = [];
    this.#constants = new Map();
    this.#depth++;
    const head = args.length > 0 ? `${indent(this.#depth - 1)}^bb0(${args.map(declare).join(', ')}):\n` : '';
    const yielded = body(...args);
    this.#line(
      `${terminator} ${yielded.map(({ name }) => name).join(', ')} : ${yielded.map(({ type }) => type).join(', ')}`,
    );
    const text = `{\n${head}${this.#lines.join('\n')}\n${indent(this.#depth - 1)}}`;
    this.#depth--;
    this.#lines = outside.lines;
    this.#constants = outside.constants;
    return text;
  }

  /** A constant of equal elements. */
  fill(value: number | bigint, type: TensorType): HloValue {
    return this.#constant(splatText(value, type), type);
  }

  /** A constant, its elements row-major. */
  constant(elements: Elements, type: TensorType): HloValue {
    return this.#constant(denseText(elements, type), type);
  }

  #constant(literal: string, type: TensorType): HloValue {
    let value = this.#constants.get(literal);
    if (!value) {
      value = new HloValue(`%${this.#made++}`, type.shape, type.elementType);
      this.#line(`${value.name} = stablehlo.constant ${literal}`);
      this.#constants.set(literal, value);
    }
    return value;
  }

  /** The function with what it returns. */
  text(outputs: readonly HloValue[]): string {
    const args = this.arguments.map(({ value, attributes }) => {
      const list = attributes.length > 0 ? ` {${attributes.join(', ')}}` : '';
      return `${declare(value)}${list}`;
    });
    const types = outputs.map(typeText).join(', ');
    const names = outputs.map(({ name }) => name).join(', ');
    const end = outputs.length > 0 ? `return ${names} : ${types}` : 'return';
    return [`  func.func public @main(${args.join(', ')}) -> (${types}) {`, ...this.#lines, `    ${end}`, '  }'].join(
      '\n',
    );
  }

  #line(text: string): void {
    this.#lines.push(`${indent(this.#depth)}${text}`);
  }
}

const indent = (depth: number) => '  '.repeat(depth);

const declare = (value: HloValue) => `${value.name}: ${value.type}`;

/** A module with one function `main`, which `replicas` devices run side by side. */
export function moduleText(
  main: HloFunction,
  outputs: readonly HloValue[],
  { name = 'program', replicas = 1 } = {},
): string {
  const attributes = `mhlo.num_partitions = 1 : i32, mhlo.num_replicas = ${replicas} : i32`;
  return `module @${name} attributes {${attributes}} {\n${main.text(outputs)}\n}\n`;
}
