import { ConfigError, type Tokenizer } from '@diptych/core';
import { formatInspection, pairs as inMemory, inspect, type PairSource } from '@diptych/data';
import { compose, letterbox, toTensor } from '@diptych/preprocess/image';
import { tokenizer as openTokenizer, tokenizerFromSource } from '@diptych/preprocess/text';
import { openSource } from '@diptych/weights';
import { loadConfig } from '../config/load-config.js';
import type { DiptychConfig } from '../config/schema.js';
import { layoutOf } from '../config/train-plan.js';
import { type DataLayout, openData } from '../data/open-data.js';
import { ownPairs } from '../data/read-pairs.js';
import { VOCABULARY } from '../job/vocabulary.js';
import { inspectionLines } from '../report/inspection-lines.js';
import { showCount } from '../terminal/progress.js';

/** What `inspect` was asked for, beside its data. */
export interface InspectFlags extends DataLayout {
  readonly config?: string;
  readonly text?: string;
  readonly limit?: number;
  readonly headers: boolean;
  readonly quarantine?: string;
  readonly json: boolean;
}

/** Side of the frame that nobody looks at: pictures are decoded, as training decodes them. */
const FRAME = 32;

/** The work of `diptych inspect`. */
export async function inspectData(flags: InspectFlags, path?: string): Promise<void> {
  const { config } = await loadConfig(flags.config, process.cwd(), { ...(path !== undefined && { data: path }) });
  const source = await sourceOf(path, flags, config);
  const tokenizer = await tokenizerOf(flags.text ?? config.model ?? config.text);
  const frame = letterbox([FRAME, FRAME], { fill: 'white' });
  // standard output has what was found, also in pipes
  const progress = showCount('looked at', source.size, process.stderr);
  const found = await inspect(counted(source, progress.update), {
    tokenizer,
    ...(!flags.headers && { transform: compose([frame, toTensor()], { decode: { onto: 'white' } }) }),
    ...(flags.limit !== undefined && { limit: flags.limit }),
    ...(flags.quarantine !== undefined && { quarantine: flags.quarantine }),
  }).finally(() => progress.stop());
  if (flags.json) console.log(JSON.stringify(found));
  else if (process.stdout.isTTY) console.log(formatInspection(found));
  else console.log(inspectionLines(found).join('\n'));
  // nothing that could be trained on
  if (found.records === 0) process.exitCode = 1;
}

async function sourceOf(path: string | undefined, flags: DataLayout, config: DiptychConfig): Promise<PairSource> {
  const { data } = config;
  const layout = layoutOf(flags, config);
  if (path !== undefined) return openData(path, 'diptych inspect', layout);
  if (typeof data === 'string') return openData(data, 'data', layout);
  if (data !== undefined) {
    return inMemory([...(await ownPairs(data.name, data.pairs))], { name: data.name });
  }
  throw new ConfigError({
    where: 'diptych inspect',
    expected: 'captioned pictures',
    got: 'none',
    remedy: 'diptych inspect pictures, or name them in diptych.config.ts',
  });
}

async function tokenizerOf(tower: string | undefined): Promise<Tokenizer> {
  return tower === undefined || tower === 'scratch'
    ? openTokenizer(VOCABULARY)
    : tokenizerFromSource(openSource(tower));
}

/** The same source, which says how far it was read. */
function counted(source: PairSource, update: (done: number) => void): PairSource {
  return {
    ...source,
    async *read(context) {
      let done = 0;
      for await (const record of source.read(context)) {
        yield record;
        update(++done);
      }
    },
  };
}
