import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { DownloadBars, defaultDownloadBars } from './download-bars.js';

/** A terminal that remembers what was written. */
function terminal() {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY: true, columns: 120, rows: 40 }) as never, text: () => text };
}

describe('DownloadBars', () => {
  it('draws a bar for large files and gives the terminal back', () => {
    const { stream, text } = terminal();
    const bars = new DownloadBars(stream);
    bars.report({ source: 'org/model@main', file: 'config.json', loaded: 10, total: 20 });
    bars.finish('config.json');
    expect(text()).toBe('');
    const file = 'model.safetensors';
    bars.report({ source: 'org/model@main', file, loaded: 0, total: 90e6 });
    bars.report({ source: 'org/model@main', file, loaded: 90e6, total: 90e6 });
    bars.finish(file);
    expect(text()).toMatch(/org\/model@main model\.safetensors \[.*100% of 90 MB/s);
    // The cursor is shown again.
    expect(text()).toContain('\x1B[?25h');
  });

  it('is only for terminals, and can be switched off', () => {
    const { stream } = terminal();
    expect(defaultDownloadBars(stream, {})).toBeInstanceOf(DownloadBars);
    expect(defaultDownloadBars(stream, { HF_HUB_DISABLE_PROGRESS_BARS: '1' })).toBeUndefined();
    expect(defaultDownloadBars({ isTTY: false } as never, {})).toBeUndefined();
  });
});
