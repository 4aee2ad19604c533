/** What pandas reads as no value at all, beside nothing (`pandas.read_csv`, `na_values`). */
const MISSING = new Set(
  '#N/A,#N/A N/A,#NA,-1.#IND,-1.#QNAN,-NaN,-nan,1.#IND,1.#QNAN,<NA>,N/A,NA,NULL,NaN,None,n/a,nan,null'.split(','),
);

/**
 * The captions in a cell of a table: text; none where pandas reads a missing value; several where the cell holds a list of texts, as
 * JSON (the hub's Flickr30k) or as Python prints one.
 */
export function captionsOfCell(cell: string): string | string[] {
  const text = cell.trim();
  if (MISSING.has(text)) return '';
  return text.startsWith('[') && text.endsWith(']') ? (jsonList(text) ?? pythonList(text) ?? cell) : cell;
}

function jsonList(text: string): string[] | undefined {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((one) => typeof one === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}

const ITEM = /\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*(,|$)/sy;

/** `['a cat', "a dog's ball"]`; undefined for anything else between brackets. */
function pythonList(text: string): string[] | undefined {
  const inside = text.slice(1, -1);
  const items: string[] = [];
  ITEM.lastIndex = 0;
  while (ITEM.lastIndex < inside.length) {
    const found = ITEM.exec(inside);
    if (!found) return undefined;
    items.push(found[1]!.slice(1, -1).replace(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter));
  }
  return items.length > 0 ? items : undefined;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
