/**
 * Parses JSON as Python writes and reads it: `NaN`, `Infinity` and `-Infinity` are numbers, and whole numbers beyond 2^53
 * come as bigint, with all their digits (JSON.parse would round them, and two ids would become one). Everything else that
 * is no JSON (comments, trailing commas, single quotes) is refused.
 *
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  if (!UNUSUAL.test(text)) return JSON.parse(text);
  const marked = text.replace(TOKENS, (token) => {
    if (token[0] === '"') return token.replace(STARTS_WITH_MARK, `"${MARK}s`);
    return `"${MARK}n${token}"`;
  });
  return JSON.parse(marked, (_key, value) => {
    if (typeof value !== 'string' || value[0] !== MARK) return value;
    if (value[1] === 's') return MARK + value.slice(2);
    const token = value.slice(2);
    return /\d/.test(token) ? asNumber(token) : Number(token);
  });
}

/** A first look: only texts with such words or digits are gone through a second time. */
const UNUSUAL = /NaN|Infinity|\d{16}/;

/** Strings, as a whole; and outside of them, what JSON.parse refuses or rounds. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN|-?(?<![\d.eE+])[1-9]\d{15,}(?![\d.eE])/gs;

/** A private-use character before strings that stand for numbers; strings that begin with it get a letter more. */
const MARK = '\ue000';
const STARTS_WITH_MARK = /^"(?:\ue000|\\u[eE]000)/;

function asNumber(digits: string): number | bigint {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : BigInt(digits);
}
