export type { RunEvent, RunState, RunSummary } from './api.js';
export type { RunningPage, WatchRunsOptions } from './serve-runs.js';
export { watchRuns } from './watch-runs.js';
export { type ReportOptions, writeReport } from './write-report.js';
