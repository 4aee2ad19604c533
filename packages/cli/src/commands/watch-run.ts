import { watchRuns } from '@diptych/serve/training';
import { loadConfig } from '../config/load-config.js';
import { RUNS } from '../config/train-plan.js';
import { untilEnded } from '../terminal/interruption.js';
import { keepOutputForJson, say } from '../terminal/say.js';

/** What `watch` was asked for, beside its folder. */
export interface WatchFlags {
  readonly config?: string;
  readonly host: string;
  readonly port?: number;
  readonly json: boolean;
}

/** The work of `diptych watch`: until it is interrupted. */
export async function watch({ config: file, host, port, json }: WatchFlags, asked?: string): Promise<void> {
  if (json) keepOutputForJson();
  const runs = asked ?? (await loadConfig(file, process.cwd())).config.runs ?? RUNS;
  // not a flag, as other users of the machine see those
  const token = process.env.DIPTYCH_TOKEN;
  const page = await watchRuns({
    runs,
    host,
    ...(port !== undefined && { port }),
    ...(token !== undefined && { token }),
  });
  if (json) console.log(JSON.stringify({ url: page.url, runs }));
  else say(`training page of ${runs} at ${page.url}. Ctrl-C ends.`);
  await untilEnded();
  await page.close();
}
