import { InputError } from '@diptych/core';

/** The error for data that a decoder refused. */
export function decodeError(error: unknown, where: string, format: string, maxPixels: number): InputError {
  const message = error instanceof Error ? error.message : String(error);
  const reason = message.split('\n')[0]!.trim();
  if (/pixel limit/i.test(reason)) {
    return new InputError(
      {
        where,
        expected: `a picture of at most ${maxPixels} pixels`,
        got: `a larger ${format.toUpperCase()}`,
        remedy: 'raise maxPixels if the file is trusted',
      },
      { cause: error },
    );
  }
  return new InputError(
    {
      where,
      problem: `the ${format.toUpperCase()} data is damaged, cut short or of an unsupported kind (${reason})`,
      remedy: 'replace the file or leave it out',
    },
    { cause: error },
  );
}
