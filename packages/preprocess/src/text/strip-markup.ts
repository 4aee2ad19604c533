import { checkText } from '@diptych/core';

/** What `stripMarkup` knows of HTML's named characters. */
const ENTITIES: { readonly [name: string]: string } = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  copy: '\u00a9',
  reg: '\u00ae',
  trade: '\u2122',
  deg: '\u00b0',
  hellip: '\u2026',
  mdash: '\u2014',
  ndash: '\u2013',
  lsquo: '\u2018',
  rsquo: '\u2019',
  ldquo: '\u201c',
  rdquo: '\u201d',
  laquo: '\u00ab',
  raquo: '\u00bb',
  bull: '\u2022',
  middot: '\u00b7',
  times: '\u00d7',
  euro: '\u20ac',
  pound: '\u00a3',
};

const ENTITY = /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z]{2,8}));/g;
/** What makes a `<` the start of a tag. */
const TAG_START = /^<[/!?]?[A-Za-z]/;

/**
 * Cleans a caption from the web: HTML tags, comments, scripts and styles go, entities become characters, white space
 * becomes one space. What only looks like a tag (`a < b`) stays. Time is linear in the text's length.
 */
export function stripMarkup(text: string): string {
  checkText('preprocess.stripMarkup', 'what is stripped', text);
  return dropTags(text).replace(ENTITY, decodeEntity).replace(/\s+/g, ' ').trim();
}

function decodeEntity(whole: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) return ENTITIES[name] ?? whole;
  const code = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal);
  const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
  return valid ? String.fromCodePoint(code) : '\ufffd';
}

function dropTags(text: string): string {
  const tagEnd = finder(text, />/g);
  const tagStart = finder(text, /</g);
  const commentEnd = finder(text, /-->/g);
  const scriptEnd = finder(text, /<\/script\s{0,16}>/gi);
  const styleEnd = finder(text, /<\/style\s{0,16}>/gi);
  let kept = '';
  let from = 0;
  for (let start = text.indexOf('<'); start >= 0; start = text.indexOf('<', start + 1)) {
    if (start < from) continue;
    const head = text.slice(start, start + 8);
    let end = -1;
    if (head.startsWith('<!--')) end = commentEnd(start + 4);
    else if (/^<script\b/i.test(head)) end = scriptEnd(start);
    else if (/^<style\b/i.test(head)) end = styleEnd(start);
    if (end < 0 && TAG_START.test(head)) {
      end = tagEnd(start);
      const next = tagStart(start + 1);
      // Another < before the > : no tag.
      if (next >= 0 && next <= end) end = -1;
    }
    if (end < 0) continue;
    kept += `${text.slice(from, start)} `;
    from = end;
  }
  return kept + text.slice(from);
}

/** Where the next match at or behind a place ends, or -1. Asked for growing places, it searches the text once. */
function finder(text: string, pattern: RegExp): (from: number) => number {
  let start = -1;
  let end = 0;
  return (from) => {
    if (end >= 0 && start < from) {
      pattern.lastIndex = from;
      const match = pattern.exec(text);
      start = match?.index ?? text.length;
      end = match ? pattern.lastIndex : -1;
    }
    return end;
  };
}
