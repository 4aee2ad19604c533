import { parseArgs } from 'node:util';
import { ConfigError, isDiptychError } from '@diptych/core';
import { askProcess } from '@diptych/core/node';
import { PLUGIN_NAMES, PLUGINS, type PluginName, pluginFacts } from './install/catalog.js';
import { doctor, type TriedPlugin, thisMachine } from './install/doctor.js';
import { installPlugin } from './install/install-plugin.js';
import { Plugin } from './plugin.js';
import type { WheelProgress } from './wheels/fetch-wheel.js';

const HELP = `diptych-pjrt install <plugin> [--cache folder] [--index url] [--version x.y.z] [--compile-only]
diptych-pjrt doctor [--cache folder] [--json]

${PLUGIN_NAMES.map((name) => `  ${name.padEnd(8)}${PLUGINS[name].title}`).join('\n')}

install fetches a plugin's wheels from Python's package index (--index, PIP_INDEX_URL), without Python, and unpacks them into the cache
(--cache, DIPTYCH_PJRT_CACHE, ~/.cache/diptych/pjrt). --compile-only leaves out what running takes: NVIDIA's libraries.
doctor opens each plugin of this machine, and says what is missing.`;

/** Where a command writes, and the script that it starts again for what may crash. */
export interface Surroundings {
  readonly script: string;
  out(line: string): void;
  err(line: string): void;
  /** A line that the next one takes the place of; left out where nobody looks. */
  readonly progress?: (line: string) => void;
}

/**
 * Runs the command line.
 *
 * @returns the exit status: 0, 1 for what went wrong, 2 for what was asked wrongly
 */
export async function runCommand(args: readonly string[], around: Surroundings): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        cache: { type: 'string' },
        index: { type: 'string' },
        version: { type: 'string' },
        'compile-only': { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    const [command, name, ...rest] = positionals;
    if (values.help || (command === undefined && args.length === 0)) around.out(HELP);
    else if (command === 'install' && rest.length === 0) await install(name, values, around);
    else if (command === 'doctor' && name === undefined) return await diagnose(values, around);
    else if (command === 'try-plugin' && name !== undefined) around.out(JSON.stringify(await tryHere(name)));
    else
      throw new ConfigError({
        where: 'diptych-pjrt',
        expected: 'install <plugin> or doctor',
        got: positionals.join(' ') || 'neither',
        remedy: 'see --help',
      });
    return 0;
  } catch (error) {
    const isUsage = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
    if (!isUsage && !isDiptychError(error)) throw error;
    around.err((error as Error).message);
    return isUsage || (isDiptychError(error) && error.code === 'config') ? 2 : 1;
  }
}

interface InstallFlags {
  readonly cache?: string | undefined;
  readonly index?: string | undefined;
  readonly version?: string | undefined;
  readonly 'compile-only'?: boolean | undefined;
}

async function install(name: string | undefined, flags: InstallFlags, around: Surroundings): Promise<void> {
  pluginFacts('diptych-pjrt install', name);
  const { cache, index, version } = flags;
  const installed = await installPlugin(name as PluginName, {
    ...(cache && { cache }),
    ...(index && { index }),
    ...(version && { version }),
    compileOnly: flags['compile-only'] ?? false,
    ...(around.progress && { onProgress: (progress) => around.progress!(progressText(progress)) }),
  });
  around.progress?.('');
  around.out(`${installed.isNew ? 'installed' : 'is there already'}: ${installed.wheels.join(', ')}`);
  around.out(installed.path);
}

function progressText({ file, loaded, total }: WheelProgress): string {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  return `${file} ${megabytes(loaded)}${total === undefined ? '' : ` of ${megabytes(total)}`} MB`;
}

interface DoctorFlags {
  readonly cache?: string | undefined;
  readonly json?: boolean | undefined;
}

async function diagnose({ cache, json }: DoctorFlags, around: Surroundings): Promise<number> {
  const findings = await doctor(thisMachine(cache, (path) => tryInChild(path, around.script)));
  if (json) around.out(JSON.stringify(findings));
  for (const { what, found, remedy } of json ? [] : findings) {
    around.out(`${remedy === undefined ? 'ok     ' : 'MISSING'} ${what}: ${found}`);
    if (remedy !== undefined) around.out(`        ${remedy}`);
  }
  return findings.some(({ remedy }) => remedy !== undefined) ? 1 : 0;
}

/** Opens a plugin in this process, which it may end. */
async function tryHere(path: string): Promise<TriedPlugin> {
  let api: string | undefined;
  try {
    const plugin = Plugin.load(path);
    api = `${plugin.apiVersion.major}.${plugin.apiVersion.minor}`;
    const client = await plugin.createClient();
    const devices = client.devices.map(({ description }) => description);
    const { platform } = client;
    client.dispose();
    return { api, platform, devices };
  } catch (error) {
    return { ...(api && { api }), error: (error as Error).message };
  }
}

const SECONDS_TO_OPEN = 120;

function tryInChild(path: string, script: string): Promise<TriedPlugin> {
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' };
  return askProcess([script, 'try-plugin', path], { doing: 'opening it', seconds: SECONDS_TO_OPEN, env });
}
