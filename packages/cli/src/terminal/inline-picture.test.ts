import { describe, expect, it } from 'vitest';
import { inlinePicture, pictureProtocol } from './inline-picture.js';

const terminal = { isTTY: true };

describe('pictureProtocol', () => {
  it('knows terminals by their environment and stays quiet elsewhere', () => {
    expect(pictureProtocol(terminal, { TERM: 'xterm-kitty' })).toBe('kitty');
    expect(pictureProtocol(terminal, { TERM_PROGRAM: 'iTerm.app' })).toBe('iterm');
    expect(pictureProtocol(terminal, { TERM: 'xterm-256color' })).toBeUndefined();
    expect(pictureProtocol({ isTTY: false }, { TERM: 'xterm-kitty' })).toBeUndefined();
    expect(pictureProtocol(terminal, { TERM: 'xterm-kitty', TMUX: '/tmp/x' })).toBeUndefined();
  });
});

describe('inlinePicture', () => {
  const png = new Uint8Array(9000).map((_, i) => i);

  it('carries the bytes', () => {
    const base64 = Buffer.from(png).toString('base64');
    expect(inlinePicture(png, 'iterm')).toContain(base64);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the protocol is made of control characters
    const chunks = [...inlinePicture(png, 'kitty').matchAll(/\x1b_G([^;]*);([^\x1b]*)\x1b\\/g)];
    expect(chunks.map((chunk) => chunk[2]).join('')).toBe(base64);
    expect(chunks.map((chunk) => chunk[1])).toEqual(['a=T,f=100,r=4,m=1', 'm=1', 'm=0']);
  });
});
