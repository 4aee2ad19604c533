import type { FilterNode, RangeOp } from '../filter.js';

/** Values of a statement, in the order of their numbers. */
export class SqlParameters {
  readonly values: unknown[] = [];

  /** Returns what stands for the value in the text: `$3`. */
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

const OPERATORS: Readonly<Record<RangeOp, string>> = { gt: '>', gte: '>=', lt: '<', lte: '<=' };

/** A filter as a condition on the column `metadata` (jsonb), never null; all that comes from outside is a parameter. */
export function sqlOf(node: FilterNode, parameters: SqlParameters): string {
  switch (node.kind) {
    case 'and':
    case 'or': {
      const parts = node.parts.map((part) => sqlOf(part, parameters));
      if (parts.length === 0) return node.kind === 'and' ? 'true' : 'false';
      return `(${parts.join(node.kind === 'and' ? ' AND ' : ' OR ')})`;
    }
    case 'not':
      return `NOT ${sqlOf(node.part, parameters)}`;
    case 'missing':
      return `(coalesce(metadata -> ${parameters.add(node.column)}::text, 'null') IN ('null', '[]'))`;
    case 'in': {
      // the value itself, or a list with it: both are found by the index on metadata
      const forms = node.values.flatMap((value) => [{ [node.column]: value }, { [node.column]: [value] }]);
      return `(metadata @> ANY (${parameters.add(forms.map((form) => JSON.stringify(form)))}::text[]::jsonb[]))`;
    }
    case 'range': {
      const column = `(metadata -> ${parameters.add(node.column)}::text)`;
      const [type, value, limit] =
        typeof node.value === 'number'
          ? ['number', '(item #>> array[]::text[])::numeric', `${parameters.add(node.value)}::text::numeric`]
          : ['string', '(item #>> array[]::text[]) COLLATE "C"', `${parameters.add(node.value)}::text`];
      const items = `jsonb_array_elements(CASE jsonb_typeof(${column}) WHEN 'array' THEN ${column} ELSE jsonb_build_array(${column}) END)`;
      return `EXISTS (SELECT FROM ${items} AS item WHERE CASE jsonb_typeof(item) WHEN '${type}' THEN ${value} ${OPERATORS[node.op]} ${limit} ELSE false END)`;
    }
  }
}
