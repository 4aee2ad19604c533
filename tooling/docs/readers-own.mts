// What is the reader's own in blocks of the docs that go on from an earlier one of their page: their types, and small ones to run with.
// A block's own names go before these.
import { readFileSync } from 'node:fs';
import type { FusedOutputs } from '@diptych/core';
import { DataLoader, jsonl } from '@diptych/data';
import { AttentionFusion } from '@diptych/fusion';
import { compose, normalize, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer as readTokenizer } from '@diptych/preprocess/text';
import { Bert } from '@diptych/text';
import { AdamW, ImageTextMatching, InfoNCE, MultiModalEncoder, Trainer, WeightedSum } from '@diptych/train';
import { FolderCheckpoints } from '@diptych/train/node';
import { ResNet } from '@diptych/vision';
import { ones } from '@tensorflow/tfjs-core';
import { Matrix } from 'diptych';

const WIDTH = 32;
const rows = readFileSync('pairs.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { image: string; text: string });

const smallPipeline = () => compose([resize([32, 32]), toTensor(), normalize('imagenet')]);
const wordPiece = () => readTokenizer('bert-base-uncased/vocab.txt');
const pairsOf = (batchSize: number) =>
  new DataLoader(jsonl('pairs.jsonl'), { transform: smallPipeline(), tokenizer: wordPiece(), batchSize });
const smallResNet = () => ResNet.fromPretrained('microsoft/resnet-50', { embedDim: WIDTH });
const smallBert = () => Bert.fromPretrained('google-bert/bert-base-uncased', { embedDim: WIDTH });
const fused = async () =>
  new MultiModalEncoder({
    image: await smallResNet(),
    text: await smallBert(),
    fusion: new AttentionFusion({ embedDim: WIDTH, numHeads: 4 }),
  });
const bothLosses = () =>
  new WeightedSum<FusedOutputs>([
    { name: 'contrastive', loss: new InfoNCE() },
    { name: 'matching', loss: new ImageTextMatching() },
  ]);
const matrix = (seed: number) =>
  new Matrix(
    Float32Array.from({ length: rows.length * 16 }, (_, i) => Math.sin((i + 1) * seed)),
    [rows.length, 16],
  );

/** The identities that the loader gives its pairs. */
async function idsOfPairs(): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of pairsOf(rows.length).epoch(0)) found.push(...batch.ids);
  return found;
}

const MAKERS = {
  model: fused,
  towers: async () => new MultiModalEncoder({ image: await smallResNet(), text: await smallBert() }),
  resnet: smallResNet,
  bert: smallBert,
  transform: smallPipeline,
  tokenizer: wordPiece,
  loader: () => pairsOf(4),
  heldOut: () => pairsOf(rows.length),
  heldOutLoader: () => pairsOf(rows.length),
  trainingPairsInOrder: () => pairsOf(rows.length),
  trainer: async () => new Trainer(await fused(), { loss: bothLosses(), optimizer: new AdamW({ learningRate: 1e-3 }) }),
  loss: bothLosses,
  checkpoint: () => new FolderCheckpoints('runs/own/checkpoints'),
  images: () => rows.map((row) => row.image),
  image: () => matrix(1),
  text: () => matrix(1.1),
  teacherImages: () => matrix(2),
  teacherTexts: () => matrix(2.1),
  ids: idsOfPairs,
  captions: () => rows.map((row) => row.text),
  input: () => ({ inputIds: ones([1, 8], 'int32'), attentionMask: ones([1, 8], 'int32') }),
};

type Own<Name extends keyof typeof MAKERS> = Awaited<ReturnType<(typeof MAKERS)[Name]>>;

declare global {
  const model: Own<'model'>;
  const towers: Own<'towers'>;
  const resnet: Own<'resnet'>;
  const bert: Own<'bert'>;
  const transform: Own<'transform'>;
  const tokenizer: Own<'tokenizer'>;
  const loader: Own<'loader'>;
  const heldOut: Own<'heldOut'>;
  const heldOutLoader: Own<'heldOutLoader'>;
  const trainingPairsInOrder: Own<'trainingPairsInOrder'>;
  const trainer: Own<'trainer'>;
  const loss: Own<'loss'>;
  const checkpoint: Own<'checkpoint'>;
  const images: Own<'images'>;
  const image: Own<'image'>;
  const text: Own<'text'>;
  const teacherImages: Own<'teacherImages'>;
  const teacherTexts: Own<'teacherTexts'>;
  const ids: Own<'ids'>;
  const captions: Own<'captions'>;
  const input: Own<'input'>;
}

for (const name of process.env.DIPTYCH_READERS_OWN?.split(' ') ?? []) {
  const make = MAKERS[name as keyof typeof MAKERS];
  if (make) Object.defineProperty(globalThis, name, { value: await make(), configurable: true });
}
