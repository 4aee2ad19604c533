import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { MetricsFile, RetrievalFigures } from '../job/metrics-file.js';

/** A picture in the report, with what is to be said below it. */
export interface ReportPicture {
  /** `data:` URI. */
  readonly source: string;
  readonly caption: string;
  readonly note: string;
  /** The picture that belongs to the caption asked for. */
  readonly own: boolean;
}

/** One caption and what was found for it. */
export interface ReportSearch {
  readonly caption: string;
  /** Rank of its own picture among all candidates, from 1. */
  readonly rank: number;
  readonly own: ReportPicture;
  readonly found: readonly ReportPicture[];
}

export interface ReportInput {
  readonly title: string;
  /** Rows of the table of facts: what, value. */
  readonly facts: readonly (readonly [string, string])[];
  readonly metrics: MetricsFile;
  /** Loss of each step, and its parts by name. */
  readonly history: readonly {
    readonly step: number;
    readonly loss: number;
    readonly parts: Readonly<Record<string, number>>;
  }[];
  readonly searches: readonly ReportSearch[];
  readonly failures: readonly ReportSearch[];
}

/** A page that needs nothing beside itself: pictures, styles and the chart's code are inside. */
export function renderReport({ title, facts, metrics, history, searches, failures }: ReportInput): string {
  const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
  const row = (name: string, figures: RetrievalFigures) =>
    `<tr><th scope="row">${name}</th><td>${percent(figures['recall@1'])}</td><td>${percent(figures['recall@5'])}</td><td>${percent(figures['recall@10'])}</td><td>${figures.medianRank}</td></tr>`;
  return page(
    title,
    `
<h1>${escapeHtml(title)}</h1>
<p class="lead">${metrics.candidates.toLocaleString('en')} held-out pairs that training never saw. For a caption, its own picture is among the ten
nearest ${percent(metrics.textToImage['recall@10'])} of the time; by chance it would be ${percent(metrics.chance['recall@10'])}.</p>
<section>
<h2>Recall</h2>
<table><thead><tr><th scope="col"></th><th scope="col">R@1</th><th scope="col">R@5</th><th scope="col">R@10</th><th scope="col">median rank</th></tr></thead><tbody>
${row('text to image', metrics.textToImage)}
${row('image to text', metrics.imageToText)}
<tr class="quiet"><th scope="row">chance</th><td>${percent(metrics.chance['recall@1'])}</td><td>${percent(metrics.chance['recall@5'])}</td><td>${percent(metrics.chance['recall@10'])}</td><td>${Math.ceil(metrics.candidates / 2)}</td></tr>
</tbody></table>
<p>Re-ranking the 50 best pictures with the fused matcher takes R@1 of text to image from ${percent(metrics.textToImage['recall@1'])} to
${percent(metrics.rerank['recall@1'])}. The matcher scores a picture's own caption above the towers' best wrong one
${percent(metrics.matching.accuracy)} of the time; with the pictures shuffled, ${percent(metrics.matching.shuffled)}.</p>
</section>
<section><h2>Loss</h2><div id="loss"></div></section>
<section><h2>Nearest pictures for held-out captions</h2>${searches.map(search).join('\n')}</section>
<section><h2>Worst failures</h2>${failures.length === 0 ? '<p>Every caption found its picture first.</p>' : failures.map(search).join('\n')}</section>
<section><h2>How it was made</h2><table class="facts"><tbody>
${facts.map(([what, value]) => `<tr><th scope="row">${escapeHtml(what)}</th><td>${escapeHtml(value)}</td></tr>`).join('\n')}
</tbody></table></section>
${lossChart(history)}`,
  );
}

/** Results of one search as a page. */
export function renderResults(title: string, found: readonly ReportPicture[]): string {
  return page(title, `<h1>${escapeHtml(title)}</h1><div class="pictures">${found.map(picture).join('')}</div>`);
}

function search({ caption, rank, own, found }: ReportSearch): string {
  const rest = found.some((item) => item.own) ? '' : `<div class="gap">…</div>${picture(own)}`;
  return `<article><h3>${escapeHtml(caption)} <small>its picture is number ${rank}</small></h3><div class="pictures">${found.map(picture).join('')}${rest}</div></article>`;
}

function picture({ source, caption, note, own }: ReportPicture): string {
  return `<figure${own ? ' class="own"' : ''}><img src="${source}" alt="${escapeHtml(caption)}" width="64" height="64"><figcaption>${escapeHtml(caption)}<span>${escapeHtml(note)}</span></figcaption></figure>`;
}

function lossChart(history: ReportInput['history']): string {
  const require = createRequire(import.meta.url);
  const script = readFileSync(require.resolve('uplot/dist/uPlot.iife.min.js'), 'utf8');
  const styles = readFileSync(require.resolve('uplot/dist/uPlot.min.css'), 'utf8');
  const names = [...new Set(history.flatMap(({ parts }) => Object.keys(parts)))];
  const round = (value: number | undefined) => (value === undefined ? null : Number(value.toPrecision(5)));
  const columns = [
    history.map(({ step }) => step),
    history.map(({ loss }) => round(loss)),
    ...names.map((name) => history.map(({ parts }) => round(parts[name]))),
  ];
  const colours = ['#1c6e6e', '#b4552d', '#5b5ea6', '#7a8b3c'];
  const series = [
    { label: 'step' },
    ...['loss', ...names].map((label, i) => ({ label, stroke: colours[i % 4], width: 1.5 })),
  ];
  const json = (value: unknown) => JSON.stringify(value).replaceAll('<', '\\u003c');
  return `<style>${styles}</style><script>${script}</script><script>
const box = document.getElementById('loss');
const chart = new uPlot({ width: box.clientWidth, height: 260, scales: { x: { time: false } }, series: ${json(series)} }, ${json(columns)}, box);
addEventListener('resize', () => chart.setSize({ width: box.clientWidth, height: 260 }));
</script>`;
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title>
<style>
:root { color-scheme: light; --ink: #1d2326; --quiet: #667176; --line: #dfe4e6; --own: #1c6e6e; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
h3 small { font-weight: normal; color: var(--quiet); margin-left: .5rem; } .lead { font-size: 1.1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } th, td { padding: .35rem 1rem .35rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th[scope=row], .facts td { text-align: left; } .facts th { font-weight: normal; color: var(--quiet); } tr.quiet { color: var(--quiet); } tr.quiet th { font-weight: normal; }
.pictures { display: flex; flex-wrap: wrap; gap: .5rem; align-items: flex-start; } figure { margin: 0; width: 7rem; padding: .5rem; border: 1px solid var(--line); border-radius: .5rem; text-align: center; }
figure.own { border-color: var(--own); box-shadow: inset 0 0 0 1px var(--own); } figcaption { font-size: .75rem; line-height: 1.25; overflow-wrap: anywhere; }
figcaption span { display: block; color: var(--quiet); } .gap { align-self: center; color: var(--quiet); }
</style></head><body>${body}</body></html>
`;
}

function escapeHtml(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (character) => names[character]!);
}
