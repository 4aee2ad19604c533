import { ConfigError } from '@diptych/core';
import type { FilterNode, FilterValue } from '../filter.js';

/** A condition as Qdrant takes it. */
export type QdrantCondition = Readonly<Record<string, unknown>>;

/** A filter in Qdrant's words, on payloads whose metadata lie under `metadata`. */
export function qdrantFilter(node: FilterNode): QdrantCondition {
  switch (node.kind) {
    case 'and':
      return { must: node.parts.map(qdrantFilter) };
    case 'or':
      // an empty should would hold
      return node.parts.length > 0 ? { should: node.parts.map(qdrantFilter) } : NOTHING;
    case 'not':
      return { must_not: [qdrantFilter(node.part)] };
    case 'missing':
      return { must: [{ is_empty: { key: keyOf(node.column) } }] };
    case 'in':
      return node.values.length > 0 ? { should: node.values.map((value) => isValue(node.column, value)) } : NOTHING;
    case 'range': {
      const { value } = node;
      if (typeof value === 'string' && !DATE.test(value)) {
        throw new ConfigError({
          where: `search.QdrantStore: filter on ${node.column}`,
          expected: `${node.op} with a number, or a date as ISO 8601 has it`,
          got: value,
          remedy: 'Qdrant compares no other text: filter by { in: […] }',
        });
      }
      return { must: [{ key: keyOf(node.column), range: { [node.op]: value } }] };
    }
  }
}

const DATE = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/;
/** Holds for no point. */
const NOTHING: QdrantCondition = { must: [{ has_id: [] }] };

function isValue(column: string, value: FilterValue): QdrantCondition {
  const key = keyOf(column);
  // match compares text, whole numbers and booleans; floats are ranges of one
  if (typeof value === 'number') return { key, range: { gte: value, lte: value } };
  return { key, match: { value } };
}

/** Columns hold no quotes or dots (`isColumn`), but may hold spaces and dashes, which are quoted. */
function keyOf(column: string): string {
  return `metadata."${column}"`;
}
