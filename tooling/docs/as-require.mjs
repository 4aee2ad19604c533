// Examples of ES modules as CommonJS programs write them.

/** The example with each import written as a require, in an async function because of its awaits. */
export function asRequire(source) {
  const requires = [];
  const body = source.replaceAll(
    /^import\s+(?:([^'";]*?)\s+from\s+)?'([^']+)';?[ \t]*(?:\/\/.*)?$/gm,
    (_, names, module) => {
      const call = `require('${module}')`;
      if (names === undefined) requires.push(`${call};`);
      else if (names.startsWith('* as ')) requires.push(`const ${names.slice(5)} = ${call};`);
      else if (names.startsWith('{')) requires.push(`const ${names.replaceAll(/\s+as\s+/g, ': ')} = ${call};`);
      else requires.push(`const ${names} = ${call}.default ?? ${call};`);
      return '';
    },
  );
  const statements = body.replaceAll(/^export (?=const |function |class )/gm, '');
  return `${requires.join('\n')}\n(async () => {\n${statements}\n})().catch((error) => { console.error(error); process.exit(1); });\n`;
}
