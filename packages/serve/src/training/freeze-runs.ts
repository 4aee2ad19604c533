import { createHash } from 'node:crypto';
import type { Thumbnails } from '../pictures/thumbnails.js';
import type { PageFiles } from '../routes/page.js';
import type { FrozenRuns, RunDetails, RunSummary, SeriesPart } from './api.js';
import { examplePicture } from './example-picture.js';
import { detailsOf, seriesOf } from './poll.js';
import { flatNumbers } from './read-run.js';
import type { RunsFolder } from './runs-folder.js';

/** Points of a series in a frozen page. */
const POINTS = 512;

/** What a frozen page is made with. */
export interface FreezeParts {
  /** The built page. */
  readonly page: PageFiles;
  readonly thumbnails: Thumbnails;
  /** Rows of a table, for all runs: what, value. */
  readonly facts?: readonly (readonly [string, string])[];
  /** Figures of runs that are finished but for the file that says so. */
  readonly metrics?: object;
}

/** The training page with these runs as they are now, in one file that needs nothing beside it and asks nobody. */
export async function freezeRuns(
  folder: RunsFolder,
  names: readonly string[],
  { page, thumbnails, facts = [], metrics }: FreezeParts,
): Promise<string> {
  await folder.refresh();
  const runs: RunSummary[] = [];
  const series: Record<string, Record<string, SeriesPart>> = {};
  const details: Record<string, RunDetails> = {};
  const pictures: Record<string, Record<number, string>> = {};
  for (const name of names) {
    const log = await folder.log(name);
    const summary = folder.get(name);
    if (!log || !summary) continue;
    const figures = metrics && { state: 'finished' as const, figures: { ...summary.figures, ...flatNumbers(metrics) } };
    runs.push({ ...summary, keys: log.keys, ...figures });
    const { [name]: found } = await seriesOf(folder, { keys: log.keys, points: POINTS, runs: { [name]: '' } });
    series[name] = { ...found?.parts };
    const known = await detailsOf(folder, { run: name, cursor: '' });
    if (known) details[name] = known;
    pictures[name] = await picturesOf(folder, name, known, thumbnails);
  }
  const data: FrozenRuns = {
    frozen: true,
    runs,
    series,
    details,
    pictures,
    facts: Object.fromEntries(names.map((name) => [name, facts])),
  };
  return html(page, data);
}

async function picturesOf(
  folder: RunsFolder,
  run: string,
  details: RunDetails | undefined,
  thumbnails: Thumbnails,
): Promise<Record<number, string>> {
  const found: Record<number, string> = {};
  for (const [row, { image }] of Object.entries(details?.examples?.pairs ?? {})) {
    if (!image) continue;
    try {
      const bytes = await examplePicture(folder, run, Number(row), thumbnails, new AbortController().signal);
      found[Number(row)] = `data:image/webp;base64,${Buffer.from(bytes).toString('base64')}`;
    } catch {
      // its file is gone, or no picture any more: the caption stays
    }
  }
  return found;
}

/** The page's files inside of one; what browsers run is named by its hash, so that nothing else is. */
function html(page: FreezeParts['page'], data: FrozenRuns): string {
  const text = (name: string) => Buffer.from(page.get(name)!.bytes).toString('utf8');
  // neither may end the element that it stands in
  const script = text('/report.js').replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');
  const style = text('/report.css').replaceAll('</style', '<\\/style');
  const json = JSON.stringify(data).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const hash = (content: string) => `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
  const policy =
    `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; img-src data:; ` +
    "base-uri 'none'; form-action 'none'";
  const title = data.runs.map(({ title, name }) => title ?? name).join(', ');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta http-equiv="content-security-policy" content="${policy}">
<title>${escapeHtml(title)}</title><style>${style}</style></head>
<body><noscript>This report is drawn by a script in it. Nothing is fetched.</noscript>
<script type="application/json" id="frozen">${json}</script><script>${script}</script></body></html>
`;
}

function escapeHtml(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (character) => names[character]!);
}
