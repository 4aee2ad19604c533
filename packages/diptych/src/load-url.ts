import { CheckpointError } from '@diptych/core';
import {
  loadState,
  openSharded,
  readText,
  type UrlSourceOptions,
  urlSource,
  type WeightSource,
} from '@diptych/weights';
import { buildParts } from './build-parts.js';
import { JointModel } from './joint-model.js';
import type { LoadModelOptions } from './load-options.js';
import { MANIFEST, type Manifest, parseManifest, TOKENIZER, WEIGHTS, WEIGHTS_INDEX } from './manifest.js';

/**
 * Opens a model folder on a web server: what `save` wrote, published as it is. Every file is checked against the list in
 * `model.json`, and kept in the browser's cache.
 *
 * @throws WeightsError, HubError if a file is missing, another one, or cannot be fetched
 * @throws CheckpointError if there is no model, or one that does not list its files
 */
export async function loadUrl(address: string | URL, options: LoadModelOptions): Promise<JointModel> {
  const { parts = {}, ...http } = options;
  const folder = withoutManifest(address);
  const listed = urlSource(folder, http);
  const manifest = parseManifest(await readText(listed, MANIFEST), `${listed.name}/${MANIFEST}`);
  const source = urlSource(folder, { ...http, files: filesOf(manifest, listed.name) });
  // texts first: what cannot be built need not be fetched
  const place = { files: await tokenizerFiles(source) };
  const { encoder, transform, tokenizer } = buildParts(manifest, parts, place);
  try {
    const sharded = (await source.list()).includes(WEIGHTS_INDEX);
    loadState(encoder, await (sharded ? openSharded(source, WEIGHTS_INDEX) : source.openTensors(WEIGHTS)));
    return new JointModel({ encoder, transform, tokenizer, tokenize: manifest.tokenize });
  } catch (error) {
    encoder.dispose();
    throw error;
  }
}

/** People copy the address of `model.json` as well. */
function withoutManifest(address: string | URL): string | URL {
  if (!(typeof address === 'string' || address instanceof URL)) return address;
  return String(address).replace(new RegExp(`/${MANIFEST.replace('.', '\\.')}(?=$|[?#])`), '/');
}

function filesOf({ files }: Manifest, name: string): NonNullable<UrlSourceOptions['files']> {
  const good =
    typeof files === 'object' &&
    files !== null &&
    Object.values(files).every(
      (file) => Number.isSafeInteger(file?.bytes) && file.bytes >= 0 && /^[0-9a-f]{64}$/.test(file.sha256),
    );
  if (good) return files;
  throw new CheckpointError({
    where: `${name}/${MANIFEST}`,
    expected: 'the list `files`, by which a model is read from a web server',
    got: files === undefined ? 'none: an older version wrote it' : 'a damaged one',
    remedy: 'write it anew and publish that: await save(folder, await load(folder))',
  });
}

async function tokenizerFiles(source: WeightSource): Promise<Record<string, string>> {
  const paths = (await source.list()).filter((path) => path.startsWith(`${TOKENIZER}/`));
  const texts = await Promise.all(paths.map((path) => readText(source, path)));
  return Object.fromEntries(paths.map((path, i) => [path.slice(TOKENIZER.length + 1), texts[i]!]));
}
