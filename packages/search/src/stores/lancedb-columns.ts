import type { FilterNode, FilterValue, RangeOp } from '../filter.js';
import type { Metadata, MetadataValue } from '../metadata.js';

/**
 * Types of metadata that get a column of their own: text, numbers, booleans, lists of text. Booleans are stored as 1 and 0: an update
 * that makes a boolean null fails ("Spill has sent an error", LanceDB 0.30).
 */
const TYPES = ['s', 'n', 'b', 'l'] as const;
type Type = (typeof TYPES)[number];

/** What makes a new column of each type, all null. */
export const EMPTY_COLUMN: Readonly<Record<Type, string>> = {
  s: 'cast(NULL as string)',
  n: 'cast(NULL as double)',
  b: 'cast(NULL as double)',
  l: "arrow_cast(NULL, 'List(Utf8)')",
};

/** Columns of some metadata by name: `s_folder`, `n_year`; nothing for null and empty lists. */
export function columnsOf(metadata: Metadata): Map<string, MetadataValue> {
  const columns = new Map<string, MetadataValue>();
  for (const [name, value] of Object.entries(metadata)) {
    const type = typeOf(value);
    if (type) columns.set(`${type}_${name}`, type === 'b' ? Number(value) : value);
  }
  return columns;
}

export function typeOfColumn(column: string): Type {
  return column[0] as Type;
}

function typeOf(value: MetadataValue | undefined): Type | undefined {
  if (Array.isArray(value)) return value.length > 0 ? 'l' : undefined;
  if (typeof value === 'string') return 's';
  if (typeof value === 'number') return 'n';
  return typeof value === 'boolean' ? 'b' : undefined;
}

const OPERATORS: Readonly<Record<RangeOp, string>> = { gt: '>', gte: '>=', lt: '<', lte: '<=' };

/**
 * A filter as a condition on these columns, never null.
 *
 * @param known columns that there are: what names others holds for no row
 */
export function sqlOf(node: FilterNode, known: ReadonlySet<string>): string {
  const on = (type: Type, name: string, condition: (column: string) => string): string => {
    const column = `${type}_${name}`;
    return known.has(column) ? `coalesce(${condition(`\`${column}\``)}, false)` : 'false';
  };
  switch (node.kind) {
    case 'and':
    case 'or': {
      const parts = node.parts.map((part) => sqlOf(part, known));
      if (parts.length === 0) return node.kind === 'and' ? 'true' : 'false';
      return `(${parts.join(node.kind === 'and' ? ' AND ' : ' OR ')})`;
    }
    case 'not':
      return `(NOT ${sqlOf(node.part, known)})`;
    case 'missing': {
      const there = TYPES.map((type) => `${type}_${node.column}`).filter((name) => known.has(name));
      return there.length === 0 ? 'true' : `(${there.map((name) => `\`${name}\` IS NULL`).join(' AND ')})`;
    }
    case 'in': {
      const parts = node.values.flatMap((value) => {
        const literal = literalOf(value);
        const equal = on(typeOf(value)!, node.column, (column) => `${column} = ${literal}`);
        return typeof value === 'string'
          ? [equal, on('l', node.column, (column) => `array_has(${column}, ${literal})`)]
          : [equal];
      });
      return parts.length === 0 ? 'false' : `(${parts.join(' OR ')})`;
    }
    case 'range':
      return on(
        typeOf(node.value)!,
        node.column,
        (column) => `${column} ${OPERATORS[node.op]} ${literalOf(node.value)}`,
      );
  }
}

/** A value as SQL writes it. */
export function literalOf(value: FilterValue): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(Number(value));
}
