import { existsSync } from 'node:fs';
import { type IndexingOptions, readIndexFacts, serve } from '@diptych/serve';
import { loadConfig } from '../config/load-config.js';
import { RUNS } from '../config/train-plan.js';
import { BadPictures, captionedPictures, picturesAt } from '../data/pictures-to-index.js';
import { untilEnded } from '../terminal/interruption.js';
import { keepOutputForJson, say } from '../terminal/say.js';
import { askedRun } from './asked-run.js';
import type { RunFlags } from './flags.js';
import { INDEX } from './index-pictures.js';

/** What `serve` was asked for, beside its index. */
export interface ServeFlags extends RunFlags {
  readonly model?: string;
  readonly pictures?: string;
  /** Pictures to index meanwhile. */
  readonly add?: string;
  readonly host: string;
  readonly port: number;
  readonly json: boolean;
}

/** The work of `diptych serve`: until it is interrupted. */
export async function serveIndex(flags: ServeFlags, asked?: string): Promise<void> {
  if (flags.json) keepOutputForJson();
  const { host, port, pictures } = flags;
  // not a flag, as other users of the machine see those
  const token = process.env.DIPTYCH_TOKEN;
  const { add } = flags;
  const index = asked ?? (add !== undefined || existsSync(INDEX) ? INDEX : undefined);
  const bad = new BadPictures();
  const indexing = add === undefined ? undefined : await picturesToAdd(add, bad);
  const made = index === undefined ? undefined : await readIndexFacts(index);
  const model = flags.model ?? (flags.run === undefined ? made?.model : undefined) ?? (await askedRun(flags));
  const runs = flags.runs ?? (await loadConfig(flags.config, process.cwd())).config.runs ?? RUNS;
  const server = await serve({
    model,
    host,
    port,
    ...(index !== undefined && { index }),
    ...(pictures !== undefined && { pictures }),
    ...(indexing && { indexing }),
    ...(existsSync(runs) && { runs }),
    ...(token !== undefined && { token }),
  });
  if (flags.json) console.log(JSON.stringify({ url: server.url, model, index: index ?? null }));
  else {
    say(`${index === undefined ? 'embeddings' : 'search page'} at ${server.url}`);
    if (existsSync(runs)) say(`training page at ${server.url}/training/`);
    say(`${server.url}/openapi.json describes the interface. Ctrl-C ends.`);
    if (index === undefined) say('No index: `diptych index <pictures>` makes one to search in.');
  }
  server.indexed?.then(
    ({ added, unchanged, removed }) =>
      say(`indexed: ${added} new or changed, ${unchanged} as before, ${removed} gone, ${bad.count} not usable`),
    () => {}, // the server has said why
  );
  await untilEnded();
  say('answering what is under way …');
  await server.close();
}

async function picturesToAdd(data: string, bad: BadPictures): Promise<IndexingOptions> {
  const { source, root } = picturesAt(data);
  const items = await captionedPictures(source, bad);
  return { items, root, onBad: (path, reason) => bad.add(path, reason) };
}
