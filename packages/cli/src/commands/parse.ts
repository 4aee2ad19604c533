/**
 * A number of the command line, which names its flag where this throws.
 *
 * @throws SyntaxError for what is no whole number from 0
 */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= 0) return value;
  throw new SyntaxError('expected a whole number');
}
