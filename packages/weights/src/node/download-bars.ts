import { MultiBar, type SingleBar } from 'cli-progress';
import type { DownloadProgress } from '../hub-options.js';

/** Files below this size are here before a bar could be read. */
const SHOWN_FROM_BYTES = 1_000_000;

/** Progress bars of downloads on a terminal, one a file. */
export class DownloadBars {
  #screen: MultiBar | undefined;
  readonly #bars = new Map<string, SingleBar>();
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  /** Shows how far a file is. */
  report({ source, file, loaded, total }: DownloadProgress): void {
    if (total < SHOWN_FROM_BYTES) return;
    let bar = this.#bars.get(file);
    if (!bar) {
      this.#screen ??= new MultiBar({
        stream: this.#stream,
        hideCursor: true,
        format: '{source} {file} [{bar}] {percentage}% of {megabytes} MB, {eta_formatted} left',
        barsize: 24,
      });
      const megabytes = (total / 1e6).toFixed(total < 1e7 ? 1 : 0);
      bar = this.#screen.create(total, loaded, { source, file, megabytes });
      this.#bars.set(file, bar);
    }
    bar.update(loaded);
  }

  /** The file is here, or will not come: without this the terminal would stay with the bars. */
  finish(file: string): void {
    this.#bars.get(file)?.stop();
    this.#bars.delete(file);
    if (this.#bars.size > 0) return;
    this.#screen?.stop();
    this.#screen = undefined;
  }
}

/** Bars on standard error if that is a terminal and the user has not switched them off, as in Python. */
export function defaultDownloadBars(stream = process.stderr, env = process.env): DownloadBars | undefined {
  const off = /^(1|on|yes|true)$/i.test(env.HF_HUB_DISABLE_PROGRESS_BARS ?? '');
  return stream.isTTY && !off ? new DownloadBars(stream) : undefined;
}
