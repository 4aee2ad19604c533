import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { serveWheels, zip } from '../test/wheels';
import { runCommand } from './commands';

async function run(...args: string[]) {
  const lines: string[] = [];
  const say = (line: string) => lines.push(line);
  const status = await runCommand(args, { script: '/no/script.js', out: say, err: say });
  return { status, text: lines.join('\n') };
}

it('helps', async () => {
  for (const args of [[], ['--help'], ['install', '-h']]) {
    expect(await run(...args)).toEqual({ status: 0, text: expect.stringMatching(/install <plugin>.*\n.*doctor/) });
  }
});

it('refuses what it does not know', async () => {
  expect(await run('instal')).toEqual({
    status: 2,
    text: expect.stringContaining('expected install <plugin> or doctor, got instal'),
  });
  expect(await run('install')).toEqual({
    status: 2,
    text: expect.stringContaining('cpu, cuda12, cuda13, tpu, got none'),
  });
  expect(await run('install', 'cuda14')).toEqual({ status: 2, text: expect.stringContaining('did you mean cuda1') });
  expect(await run('doctor', '--verbose')).toEqual({ status: 2, text: expect.stringContaining('--verbose') });
});

it('installs, and tells the path', async () => {
  const cache = mkdtempSync(join(tmpdir(), 'pjrt-command-'));
  const library = 'lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so';
  const filename = 'lammps_jax_pjrt_cpu-1.0-py3-none-any.whl';
  const server = await serveWheels({
    'lammps-jax-pjrt-cpu': [{ filename, content: zip({ [library]: { text: 'x' } }) }],
  });
  try {
    const args = ['install', 'cpu', '--cache', cache, '--index', server.index];
    expect(await run(...args)).toEqual({ status: 0, text: `installed: ${filename}\n${join(cache, 'cpu', library)}` });
    expect(await run(...args)).toEqual({ status: 0, text: expect.stringMatching(/^is there already/) });
    // what is no plugin cannot be opened, in a process that cannot be started
    const { status, text } = await run('doctor', '--cache', cache);
    expect({ status, text }).toEqual({
      status: 1,
      text: expect.stringMatching(/MISSING plugin cpu: .*opening it ended the process/),
    });
    const findings = JSON.parse((await run('doctor', '--cache', cache, '--json')).text);
    expect(findings).toContainEqual(expect.objectContaining({ what: 'plugin cpu', remedy: expect.any(String) }));
  } finally {
    await server.stop();
    rmSync(cache, { recursive: true });
  }
});
