// What Python compresses; Node has no compressor for these formats.

/** What is packed in `BZIP2`, `XZ`, `XZ_CRC32`, `XZ_NO_CHECK` and `XZ_BCJ`. */
export const CONTENT = Buffer.from('line of text\n'.repeat(5000));

export const BZIP2 = Buffer.from(
  'QlpoOTFBWSZTWZ/Na64ATh/RgAAQQAADJYRAIACQIAYBSqNNHpMEKjQhUeCFR8IVGhCowQqMEKj0QqMEKjBCo4IVHQhUcEKj8XckU4UJCfzWuuA=',
  'base64',
);
export const XZ = Buffer.from(
  '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4P3nAFtdADYaSh8IoYy6tt4w7JBeB/g/K6lqIfHGpygVbWYMsCTNTLFDCg6vBKLXvlJTxa5Ms83s94g0Kg47lzsUNMWjw5s6v6a3J2bmGvZCrRSorGWrbV0qc1hkzWPuSgAAALT1TIdsckfWAAF36PsDAABFSveescRn+wIAAAAABFla',
  'base64',
);
export const BZIP2_OF_NOTHING = Buffer.from('QlpoORdyRThQkAAAAAA=', 'base64');
export const XZ_OF_NOTHING = Buffer.from('/Td6WFoAAATm1rRGAAAAABzfRCEftvN9AQAAAAAEWVo=', 'base64');
export const XZ_CRC32 = Buffer.from(
  '/Td6WFoAAAFpIt42AgAhARYAAAB0L+Wj4P3nAFtdADYaSh8IoYy6tt4w7JBeB/g/K6lqIfHGpygVbWYMsCTNTLFDCg6vBKLXvlJTxa5Ms83s94g0Kg47lzsUNMWjw5s6v6a3J2bmGvZCrRSorGWrbV0qc1hkzWPuSgAAALe87xUAAXPo+wMAAFMIZgU+MA2LAgAAAAABWVo=',
  'base64',
);
export const XZ_NO_CHECK = Buffer.from(
  '/Td6WFoAAAD/EtlBAgAhARYAAAB0L+Wj4P3nAFtdADYaSh8IoYy6tt4w7JBeB/g/K6lqIfHGpygVbWYMsCTNTLFDCg6vBKLXvlJTxa5Ms83s94g0Kg47lzsUNMWjw5s6v6a3J2bmGvZCrRSorGWrbV0qc1hkzWPuSgAAAAABb+j7AwAAs8pycagACvwCAAAAAABZWg==',
  'base64',
);
export const XZ_BCJ = Buffer.from(
  '/Td6WFoAAATm1rRGAgEEACEBFgANhjUf4P3nAFtdADYaSh8IoYy6tt4w7JBeB/g/K6lqIfHGpygVbWYMsCTNTLFDCg6vBKLXvlJTxa5Ms83s94g0Kg47lzsUNMWjw5s6v6a3J2bmGvZCrRSorGWrbV0qc1hkzWPuSgAAALT1TIdsckfWAAF36PsDAABFSveescRn+wIAAAAABFla',
  'base64',
);
export const XZ_OF_1_GIB_DICTIONARY = Buffer.from(
  '/Td6WFoAAATm1rRGAgAhASQAAABeH8f5AQAAeAAAAABFru+D+O4WCgABGQGlLIHMH7bzfQEAAAAABFla',
  'base64',
);
export const BZIP2_OF_100_MB = Buffer.from(
  'QlpoOTFBWSZTWQ4J4t8BX45AAMAAAAggADCATUZCoCWpCoCXMUFZJlNZDgni3wFfjkAAwAAACCAAMIBNRkKgJakKgJcxQVkmU1nEYApVAD7RQALAAABAAAggADDMCapppUiDaipEHi7kinChIcCoiS4=',
  'base64',
);
