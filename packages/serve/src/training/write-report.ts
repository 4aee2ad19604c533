import { ConfigError, checkOptions, checkPath, type OptionNames } from '@diptych/core';
import { writeFileAtomically } from '@diptych/core/node';
import { checkLimits } from '../limits.js';
import { Thumbnails } from '../pictures/thumbnails.js';
import { type FreezeParts, freezeRuns } from './freeze-runs.js';
import { RunsFolder } from './runs-folder.js';
import { pageFiles } from './training-page.js';

/** Options of {@link writeReport}. */
export interface ReportOptions {
  /** Rows of a table in it: what, value. */
  readonly facts?: FreezeParts['facts'];
  /** What the run came to, where `metrics.json` does not say so yet: the report is of a finished run then. */
  readonly metrics?: object;
  /** The folder of the built page (`dist/training` of this package), where a bundler moved it. */
  readonly pageFolder?: string | URL;
}

const OPTIONS: OptionNames<ReportOptions> = { facts: 'optional', metrics: 'optional', pageFolder: 'optional' };
const WHERE = 'serve.writeReport';

/**
 * Writes the training page of one run, as it is now, as one file: for mail, archives and browsers without a network.
 *
 * @param run its folder
 * @param path of the file, usually `report.html` in it
 * @throws ConfigError for a folder that is no run's
 */
export async function writeReport(run: string, path: string, options: ReportOptions = {}): Promise<void> {
  checkPath(WHERE, run);
  checkPath(WHERE, path);
  checkOptions(WHERE, options, OPTIONS);
  const { pixels, thumbnailBytes } = checkLimits();
  const folder = new RunsFolder(run);
  await folder.refresh();
  const names = folder.namesAfter(0) ?? [];
  if (names.length !== 1) {
    throw new ConfigError({
      where: run,
      expected: "one run's folder",
      got: names.length === 0 ? 'none of a run' : `one of ${names.length} runs`,
    });
  }
  const html = await freezeRuns(folder, names, {
    page: pageFiles(options.pageFolder),
    thumbnails: new Thumbnails(thumbnailBytes, pixels),
    ...(options.facts && { facts: options.facts }),
    ...(options.metrics && { metrics: options.metrics }),
  });
  await writeFileAtomically(path, [new TextEncoder().encode(html)]);
}
