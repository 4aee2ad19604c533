// What the blocks of the docs read, under the names that the docs use: pictures, tables, vocabularies, and a hub with small models of the
// golden folder in the place of the published ones.
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { pack } from 'tar-stream';
import { root } from '../packages.mjs';

const FIXTURES = join(root, 'packages/preprocess');
const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const CAPTIONS = [
  'a red heart',
  'a cat asleep',
  'a dog',
  'two hearts',
  'a house',
  'a blue cat',
  'a green dog',
  'a heart of paper',
];
const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const words = [...new Set([...CAPTIONS.join(' ').split(' '), ...'a photo of a drawing of a'.split(' ')])];

/** Writes the files that stand in a reader's folder. */
export async function writeFiles(folder) {
  mkdirSync(join(folder, 'bert-base-uncased'), { recursive: true });
  mkdirSync(join(folder, 'pictures'), { recursive: true });
  const jpegs = JSON.parse(readFileSync(join(FIXTURES, 'test/__fixtures__/jpeg.json'), 'utf8'));
  const rows = CAPTIONS.map((text, i) => {
    const image = `pictures/${i}.jpg`;
    writeFileSync(join(folder, image), Buffer.from(jpegs[i].jpeg, 'base64'));
    return { image, text, group: i % 2 ? 'animals' : 'food', tags: [text.split(' ')[1]], meta: { price: i } };
  });
  writeFileSync(join(folder, 'pairs.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  copyFileSync(join(folder, 'pairs.jsonl'), join(folder, 'held-out.jsonl'));
  writeFileSync(
    join(folder, 'pairs.csv'),
    `file,title\n${rows.map(({ image, text }) => `${image},${text}\n`).join('')}`,
  );
  const bytes = rows.map(({ image }) => readFileSync(join(folder, image)));
  const columns = [
    { name: 'image', data: bytes, type: 'BYTE_ARRAY' },
    { name: 'text', data: CAPTIONS, type: 'STRING' },
  ];
  writeFileSync(join(folder, 'pairs.parquet'), Buffer.from(parquetWriteBuffer({ columnData: columns })));
  mkdirSync(join(folder, 'shards'), { recursive: true });
  for (const shard of [0, 1]) {
    const archive = pack();
    for (const i of [0, 1, 2, 3].map((row) => shard * 4 + row)) {
      archive.entry({ name: `00${i}.jpg` }, bytes[i]);
      archive.entry({ name: `00${i}.txt` }, CAPTIONS[i]);
    }
    archive.finalize();
    writeFileSync(join(folder, `shards/pairs-00${shard}.tar`), await buffer(archive));
  }
  copyFileSync(join(folder, rows[0].image), join(folder, 'cat.jpg'));
  copyFileSync(join(FIXTURES, 'src/image/__fixtures__/image-processors.png'), join(folder, 'dog.png'));
  writeFileSync(join(folder, 'bert-base-uncased/vocab.txt'), [...SPECIAL, ...words].join('\n'));
}

/** Published names, and which small model of the golden folder stands for each. */
const REPOSITORIES = {
  'timm/resnet50.tv_in1k': 'vision/resnet_transformers',
  'microsoft/resnet-50': 'vision/resnet_transformers',
  'timm/vit_base_patch16_224.augreg_in21k_ft_in1k': 'vision/vit',
  'timm/convnext_atto.d2_in1k': 'vision/convnext',
  'google-bert/bert-base-uncased': 'bert',
  'sentence-transformers/all-MiniLM-L6-v2': 'bert',
  'openai/clip-vit-base-patch32': 'dual/clip',
};

/** Writes one folder a repository of the hub. */
export function writeRepositories(folder) {
  for (const [name, family] of Object.entries(REPOSITORIES)) {
    const target = join(folder, name);
    mkdirSync(target, { recursive: true });
    const golden = join(root, 'golden', family);
    cpSync(join(golden, 'config.json'), join(target, 'config.json'));
    const weights = family === 'bert' ? 'state_published_names.safetensors' : 'model.safetensors';
    cpSync(join(golden, weights), join(target, 'model.safetensors'));
    if (family === 'bert') writeFileSync(join(target, 'vocab.txt'), [...SPECIAL, ...words].join('\n'));
    if (family === 'dual/clip') writeClip(target);
    if (family === 'vision/resnet_transformers') {
      const pictures = { image_processor_type: 'ConvNextImageProcessor', size: { shortest_edge: 32 }, crop_pct: 0.875 };
      writeFileSync(join(target, 'preprocessor_config.json'), JSON.stringify(pictures));
    }
  }
}

/** A tokenizer and the pictures' settings for the golden CLIP of 99 tokens. */
function writeClip(target) {
  const vocab = { '<|unk|>': 0, '<|startoftext|>': 1, '<|pad|>': 2, '<|endoftext|>': 98 };
  for (const [i, word] of [...words, '.', 'cats', 'dogs'].entries()) vocab[word] = i + 3;
  const special = (content) => ({ id: content, ids: [vocab[content]], tokens: [content] });
  const piece = (id) => ({ SpecialToken: { id, type_id: 0 } });
  writeFileSync(
    join(target, 'tokenizer.json'),
    JSON.stringify({
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [],
      normalizer: { type: 'Lowercase' },
      pre_tokenizer: { type: 'Whitespace' },
      post_processor: {
        type: 'TemplateProcessing',
        single: [piece('<|startoftext|>'), { Sequence: { id: 'A', type_id: 0 } }, piece('<|endoftext|>')],
        pair: [],
        special_tokens: {
          '<|startoftext|>': special('<|startoftext|>'),
          '<|endoftext|>': special('<|endoftext|>'),
        },
      },
      decoder: null,
      model: { type: 'WordLevel', vocab, unk_token: '<|unk|>' },
    }),
  );
  const settings = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: 12,
    pad_token: '<|pad|>',
    eos_token: '<|endoftext|>',
  };
  writeFileSync(join(target, 'tokenizer_config.json'), JSON.stringify(settings));
  const pictures = { image_processor_type: 'CLIPImageProcessor', size: { shortest_edge: 32 }, crop_size: 32 };
  writeFileSync(join(target, 'preprocessor_config.json'), JSON.stringify(pictures));
}

/**
 * Serves such folders as the hub does: revision, listing, files.
 *
 * @returns its address, and what stops it
 */
export async function serveHub(folder) {
  const server = createServer((request, response) => {
    const [path] = decodeURIComponent(request.url).split('?');
    const [, api, resolved] = /^(?:\/api\/models)?\/(\S+?\/\S+?)\/(.*)$/.exec(path) ?? [];
    const json = (value) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const missing = (code) => response.writeHead(404, { 'x-error-code': code }).end();
    if (!Object.hasOwn(REPOSITORIES, api ?? '')) return missing('RepoNotFound');
    if (path.startsWith('/api/') && resolved.startsWith('revision/')) {
      return json({ _id: '1', id: api, sha: COMMIT, lastModified: '2024-01-01T00:00:00Z', private: false });
    }
    if (path.startsWith('/api/') && resolved.startsWith('tree/')) return json(listing(join(folder, api)));
    const file = resolved.slice(`resolve/${COMMIT}/`.length);
    try {
      const bytes = readFileSync(join(folder, api, file));
      return response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    } catch {
      return missing('EntryNotFound');
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { endpoint: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

function listing(folder) {
  return readdirSync(folder).map((path) => {
    const bytes = readFileSync(join(folder, path));
    const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const lfs = path.endsWith('.safetensors') && { lfs: { oid: sha256, size: bytes.length, pointerSize: 130 } };
    return { type: 'file', path, size: bytes.length, oid, ...lfs };
  });
}
