// A child process: runs `prepare` or `measure` of one bench file and prints its result as the last line, in JSON.
// A process of its own for each sample, so that memory peaks are separate and nothing is warm by accident.
import { pathToFileURL } from 'node:url';

const [file, phase, folder] = process.argv.slice(2);
const { default: bench } = await import(pathToFileURL(file).href);
const result = await bench[phase](folder);
process.stdout.write(`\n${JSON.stringify(result ?? {})}\n`, () => process.exit(0));
