import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { app } from '../app.js';
import { COMMANDS } from '../commands/index.js';
import { proposals } from './proposals.js';
import { SCRIPTS, type Shell } from './scripts.js';

const proposed = async (...words: string[]) => (await proposals(app, words)).map((line) => line.split('\t')[0]);

describe('proposals', () => {
  it('are commands, flags as the help shows them, and values', async () => {
    expect(await proposed('')).toEqual(expect.arrayContaining(Object.keys(COMMANDS)));
    expect(await proposed('ev')).toEqual(['eval']);
    const flags = await proposed('train', '--d');
    expect(flags).toEqual(expect.arrayContaining(['--data', '--dry-run']));
    expect(flags).not.toContain('--dryRun');
    expect(await proposed('train', '--tune', '')).toEqual(['heads', 'lora', 'all']);
    expect(await proposed('completion', 'z')).toEqual(['zsh']);
    expect(await proposed('doctor', '--try')).toEqual([]);
  });

  it('say what they mean, and leave paths to the shell', async () => {
    expect(await proposals(app, ['doc'])).toEqual([expect.stringMatching(/^doctor\tLook over/)]);
    expect(await proposed('train', '--data', '')).toEqual([]);
    expect(await proposed('no-command', '')).toEqual([]);
  });
});

describe('scripts', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'diptych-completion-'));
    // says what it was asked, in place of the program
    const program = join(folder, 'diptych');
    writeFileSync(
      program,
      '#!/bin/sh\nfor word in "$@"; do printf "[%s]" "$word"; done\nprintf "\\twhat it is\\nother\\tit\\n"\n',
    );
    chmodSync(program, 0o755);
    for (const shell of Object.keys(SCRIPTS) as Shell[])
      writeFileSync(join(folder, `complete.${shell}`), SCRIPTS[shell]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const has = (shell: Shell) => {
    try {
      return execFileSync(shell, ['-c', 'exit 0']) !== undefined;
    } catch {
      return false;
    }
  };
  const run = (shell: Shell, script: string) =>
    execFileSync(shell, shell === 'bash' ? ['--norc', '-c', script] : ['-c', script], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, HOME: folder, PATH: `${folder}${delimiter}${process.env.PATH}` },
    }).trim();

  it.runIf(has('bash'))('bash asks with the words up to the cursor', () => {
    const script = `source complete.bash; COMP_WORDS=(diptych train --data "my pictures" later); COMP_CWORD=3; _diptych; printf '%s\\n' "\${COMPREPLY[@]}"`;
    expect(run('bash', script)).toBe('[__complete][train][--data][my pictures]\nother');
    expect(
      run('bash', 'source complete.bash; COMP_WORDS=(diptych ""); COMP_CWORD=1; _diptych; echo "$COMPREPLY"'),
    ).toBe('[__complete][]');
  });

  it.runIf(has('zsh'))('zsh asks with the words up to the cursor', () => {
    const around = 'compdef() { }; compadd() { shift; print -l -- "$@" }; source complete.zsh;';
    const script = `${around} words=(diptych train --data "my pictures" later); CURRENT=4; _diptych`;
    expect(run('zsh', script)).toBe('[__complete][train][--data][my pictures]\nother');
    expect(run('zsh', `${around} words=(diptych ""); CURRENT=2; _diptych`)).toBe('[__complete][]\nother');
  });

  it.runIf(has('fish'))('fish asks with the words up to the cursor, and shows what they mean', () => {
    expect(run('fish', 'source complete.fish; complete -C "diptych train o"')).toContain('other\tit');
    const script = 'source complete.fish; complete -C "diptych train --data ["';
    expect(run('fish', script)).toContain('[__complete][train][--data][[]\twhat it is');
  });
});
