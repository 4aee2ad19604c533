type Environment = Readonly<Record<string, string | undefined>>;

/** How a terminal takes pictures, if it says so in its environment. */
export type PictureProtocol = 'kitty' | 'iterm';

/** Rows of text that a picture takes. */
const ROWS = 4;
/** kitty takes at most this many base64 characters at once. */
const KITTY_CHUNK = 4096;

/**
 * Which protocol the terminal speaks: kitty's graphics protocol (kitty, Ghostty) or iTerm2's inline images (iTerm2, WezTerm, VS Code).
 * Undefined where neither is known, or where output is no terminal.
 */
export function pictureProtocol(
  stream: { isTTY?: boolean },
  env: Environment = process.env,
): PictureProtocol | undefined {
  if (!stream.isTTY || env.TMUX !== undefined) return undefined;
  if (env.KITTY_WINDOW_ID !== undefined || env.TERM === 'xterm-kitty' || env.TERM_PROGRAM === 'ghostty') return 'kitty';
  if (['iTerm.app', 'WezTerm', 'vscode'].includes(env.TERM_PROGRAM ?? '')) return 'iterm';
  return undefined;
}

/** The escape sequence that shows a PNG in the terminal. */
export function inlinePicture(png: Uint8Array, protocol: PictureProtocol): string {
  const data = Buffer.from(png).toString('base64');
  if (protocol === 'iterm') {
    return `\x1b]1337;File=inline=1;size=${png.length};height=${ROWS};preserveAspectRatio=1:${data}\x07`;
  }
  const chunks = data.match(new RegExp(`.{1,${KITTY_CHUNK}}`, 'g')) ?? [];
  return chunks
    .map((chunk, i) => {
      const more = i < chunks.length - 1 ? 1 : 0;
      return `\x1b_G${i === 0 ? `a=T,f=100,r=${ROWS},` : ''}m=${more};${chunk}\x1b\\`;
    })
    .join('');
}
