import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDiptychError, registerKinds } from '@diptych/core';
import {
  collect,
  csv,
  DataLoader,
  folder,
  inspect,
  iterable,
  jsonl,
  mix,
  type PairSource,
  pairs,
  parquet,
  webdataset,
} from '@diptych/data';
import { AttentionFusion, BottleneckFusion, CoAttentionFusion, ConcatMlpFusion, GatedFusion } from '@diptych/fusion';
import { linearProbe, mineHardNegatives, retrieval, topK } from '@diptych/metrics';
import {
  addLora,
  BatchNorm2d,
  Conv2d,
  Dropout,
  DropPath,
  Embedding,
  freeze,
  Generator,
  GroupNorm,
  LayerNorm,
  Linear,
  Mlp,
  MultiheadAttention,
  PreNormBlock,
  summary,
} from '@diptych/nn';
import {
  colorJitter,
  compose,
  decodeImage,
  imageTransform,
  letterbox,
  normalize,
  pixelStep,
  resize,
  toTensor,
} from '@diptych/preprocess/image';
import { tokenizer } from '@diptych/preprocess/text';
import { BagOfTokens, Bert, ClipText, SiglipText, SmallTransformer, textEncoderFromPretrained } from '@diptych/text';
import { exportOnnx, runOnnx, useOnnxRuntime } from '@diptych/tfjs-backend-onnxruntime';
import {
  Adafactor,
  AdamW,
  Classification,
  Distillation,
  defineOptimizer,
  embedPairs,
  evaluate,
  ImageTextMatching,
  InfoNCE,
  LabelLoss,
  Lion,
  Matryoshka,
  MultiModalEncoder,
  Regression,
  SGD,
  SigLIP,
  StepRunner,
  Trainer,
  Triplet,
  WeightedSum,
  warmupConstant,
  warmupCosine,
  warmupLinear,
} from '@diptych/train';
import { cacheFeatures, embedCollection, FolderCheckpoints, jsonlLog, trainHeads } from '@diptych/train/node';
import {
  ClipVision,
  ConvNeXt,
  EfficientNet,
  imageEncoderFromPretrained,
  MobileNetV3,
  ResNet,
  SiglipVision,
  SmallCNN,
  ViT,
} from '@diptych/vision';
import { loadState, openSource, urlSource } from '@diptych/weights';
import { hubSource, openSafetensors, pushFolder } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { DualEncoder, exportHf, JointModel, load, save, seedModel } from 'diptych';
import { beforeAll, describe, expect, it } from 'vitest';

/** Calls as a person without a compiler writes them: nothing here has a type. */
// biome-ignore lint/suspicious/noExplicitAny: what this test gives is wrong on purpose
type Any = any;
type Call = () => unknown;

const make =
  (Class: Any, ...given: unknown[]): Call =>
  () =>
    new Class(...given);
const call =
  (run: Any, ...given: unknown[]): Call =>
  () =>
    run(...given);

const transform = compose([resize([8, 8]), toTensor()]);
const words = tokenizer({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: null,
  decoder: null,
  model: { type: 'WordLevel', vocab: { '[UNK]': 0, '[PAD]': 1, cat: 2 }, unk_token: '[UNK]' },
});
const source: PairSource = pairs([]);
const loaderParts = { transform, tokenizer: words, batchSize: 2 };
const noFolder = join(mkdtempSync(join(tmpdir(), 'diptych-misuse-')), 'none');

function smallModel(): MultiModalEncoder {
  return new MultiModalEncoder({
    image: new SmallCNN({ embedDim: 4, imageSize: 8, channels: [2] }),
    text: new BagOfTokens({ vocabSize: 3, embedDim: 4 }),
  });
}

/** What a class is that takes one object of options: which are right, and one that is misspelt with what was meant. */
const CONFIGURED: readonly [name: string, Class: Any, right: object | undefined, misspelt: string, meant: string][] = [
  ['SmallCNN', SmallCNN, { embedDim: 4 }, 'image_size', 'imageSize'],
  ['SmallTransformer', SmallTransformer, { vocabSize: 3, embedDim: 4 }, 'head', 'numHeads'],
  ['BagOfTokens', BagOfTokens, { vocabSize: 3, embedDim: 4 }, 'hidden', 'hiddenSize'],
  ['AttentionFusion', AttentionFusion, { embedDim: 8 }, 'heads', 'numHeads'],
  ['BottleneckFusion', BottleneckFusion, { embedDim: 8 }, 'latents', 'numLatents'],
  ['CoAttentionFusion', CoAttentionFusion, { embedDim: 8 }, 'layers', 'numLayers'],
  ['ConcatMlpFusion', ConcatMlpFusion, { embedDim: 8 }, 'hiddenDim', 'intermediateSize'],
  ['GatedFusion', GatedFusion, { embedDim: 8 }, 'placeholder', 'placeholders'],
  ['Classification', Classification, { embedDim: 4, classes: 2 }, 'multilabel', 'multiLabel'],
  ['Regression', Regression, { embedDim: 4 }, 'output', 'outputs'],
  ['Matryoshka', Matryoshka, { loss: new InfoNCE(), dims: [2, 4] }, 'weight', 'weights'],
];

/** The same, where all options may be left out. */
const OPTIONAL: readonly [name: string, Class: Any, misspelt: string, meant: string][] = [
  ['AdamW', AdamW, 'lr', 'learningRate'],
  ['SGD', SGD, 'lr', 'learningRate'],
  ['Lion', Lion, 'weight_decay', 'weightDecay'],
  ['Adafactor', Adafactor, 'learning_rate', 'learningRate'],
  ['InfoNCE', InfoNCE, 'temp', 'temperature'],
  ['Triplet', Triplet, 'margins', 'margin'],
  ['Distillation', Distillation, 'temp', 'temperature'],
  ['LabelLoss', LabelLoss, 'weight', 'weights'],
];

const ARCHITECTURES: readonly [name: string, Class: Any][] = [
  ['ResNet', ResNet],
  ['ConvNeXt', ConvNeXt],
  ['EfficientNet', EfficientNet],
  ['MobileNetV3', MobileNetV3],
  ['ViT', ViT],
  ['ClipVision', ClipVision],
  ['SiglipVision', SiglipVision],
  ['Bert', Bert],
  ['ClipText', ClipText],
  ['SiglipText', SiglipText],
];

const vectors = { data: new Float32Array(8), shape: [4, 2] };
const embedded = { image: vectors, text: vectors, ids: ['a', 'b', 'c', 'd'] };
const joint = () => new JointModel({ encoder: smallModel(), transform, tokenizer: words });
const runner = () => new StepRunner({ model: smallModel(), loss: new InfoNCE() });
const fitWith = (options: object) => () => (trainer() as Any).fit([{}], { epochs: 1, ...options });

const PRETRAINED: readonly [name: string, Class: Any][] = [
  ...ARCHITECTURES.filter(([, Class]) => 'fromPretrained' in Class),
];

/** Layers with sizes, probabilities and names that make none. */
const generator = new Generator(0);
const LAYERS: readonly [name: string, Class: Any, ...given: unknown[]][] = [
  ['Linear(-1)', Linear, -1, 2, { generator }],
  ['Linear(2.5)', Linear, 2.5, 2, { generator }],
  ['Linear without a generator', Linear, 2, 2],
  ['Linear with a seed for a generator', Linear, 2, 2, { generator: 3 }],
  ['Linear with with_bias', Linear, 2, 2, { generator, with_bias: false }],
  ['Conv2d with a kernel of 0', Conv2d, 2, 2, 0, { generator }],
  ['Conv2d with a kernel of two', Conv2d, 2, 2, [3, 3], { generator }],
  ['Conv2d with a stride of 0', Conv2d, 2, 2, 3, { generator, stride: 0 }],
  ['Conv2d with padding same', Conv2d, 2, 2, 3, { generator, padding: 'same' }],
  ['Conv2d with kernel_size', Conv2d, 2, 2, 3, { generator, kernel_size: 3 }],
  ['Embedding with a padding row outside', Embedding, 3, 2, { generator, paddingIdx: 3 }],
  ['Embedding(0)', Embedding, 0, 2, { generator }],
  ['Dropout(2)', Dropout, 2],
  ['Dropout(null)', Dropout, null],
  ['DropPath(1)', DropPath, 1],
  ['LayerNorm(0)', LayerNorm, 0],
  ['LayerNorm with epsilon', LayerNorm, 4, { epsilon: 1e-5 }],
  ['BatchNorm2d(-4)', BatchNorm2d, -4],
  ['GroupNorm of 3 in 4', GroupNorm, 3, 4],
  ['Mlp without a width', Mlp, 4, { generator }],
  ['Mlp with an unknown activation', Mlp, 4, { generator, intermediateSize: 8, activation: 'swish2' }],
  ['Mlp with a dropout of 1', Mlp, 4, { generator, intermediateSize: 8, dropout: 1 }],
  ['MultiheadAttention of 3 heads', MultiheadAttention, 4, 3, { generator }],
  ['MultiheadAttention with heads', MultiheadAttention, 4, 2, { generator, heads: 2 }],
  ['PreNormBlock without heads', PreNormBlock, { generator, hiddenSize: 4 }],
  ['PreNormBlock with a dropPath of 2', PreNormBlock, { generator, hiddenSize: 4, numHeads: 2, dropPath: 2 }],
];

const trainer = (options: unknown = { loss: new InfoNCE() }) => new Trainer(smallModel(), options as Any);

const CASES: readonly [name: string, call: Call][] = [
  ...CONFIGURED.flatMap(([name, Class, right, misspelt]): [string, Call][] => [
    [`new ${name}()`, make(Class)],
    [`new ${name}(null)`, make(Class, null)],
    [`new ${name}({})`, make(Class, {})],
    [`new ${name}('a')`, make(Class, 'a')],
    [`new ${name} with ${misspelt}`, make(Class, { ...right, [misspelt]: 1 })],
    ...Object.keys(right ?? {}).map((option): [string, Call] => [
      `new ${name} with ${option} null`,
      make(Class, { ...right, [option]: null }),
    ]),
  ]),
  ...OPTIONAL.flatMap(([name, Class, misspelt]): [string, Call][] => [
    [`new ${name}(null)`, make(Class, null)],
    [`new ${name}(3)`, make(Class, 3)],
    [`new ${name} with ${misspelt}`, make(Class, { [misspelt]: 1 })],
  ]),
  ...ARCHITECTURES.flatMap(([name, Class]): [string, Call][] => [
    [`new ${name}()`, make(Class)],
    [`new ${name}(null)`, make(Class, null)],
    [`new ${name}('unknown')`, make(Class, 'unknown')],
    // a configuration of these two has no size that must be given
    ...(['EfficientNet', 'MobileNetV3'].includes(name)
      ? []
      : ([[`new ${name}({})`, make(Class, {})]] as [string, Call][])),
    [`new ${name} with embed_dim`, make(Class, {}, { embed_dim: 4 })],
  ]),
  ['AdamW with betas that are a number', make(AdamW, { betas: 0.9 })],
  ['AdamW with a group that has lr', make(AdamW, { groups: { text: { lr: 1 } } })],
  ['AdamW with groups of a number', make(AdamW, { groups: 3 })],
  ['AdamW with a group that is null', make(AdamW, { groups: { text: null } })],
  ['WeightedSum of nothing', make(WeightedSum)],
  ['WeightedSum of an object', make(WeightedSum, { contrastive: new InfoNCE() })],
  ['WeightedSum of losses alone', make(WeightedSum, [new InfoNCE()])],
  ['WeightedSum of null', make(WeightedSum, [null])],
  ['WeightedSum without a loss', make(WeightedSum, [{ name: 'contrastive', loss: 'InfoNCE' }])],
  ['warmupCosine()', call(warmupCosine)],
  ['warmupLinear({ steps })', call(warmupLinear, { steps: 3 })],
  ['warmupConstant({ steps })', call(warmupConstant, { steps: 3 })],
  ['MultiModalEncoder()', make(MultiModalEncoder)],
  ['MultiModalEncoder({})', make(MultiModalEncoder, {})],
  ['Trainer()', make(Trainer)],
  ['Trainer without options', () => new (Trainer as Any)(smallModel())],
  ['Trainer without a loss', () => trainer({})],
  ['Trainer with lr', () => trainer({ loss: new InfoNCE(), lr: 1 })],
  ['Trainer with a loss by name', () => trainer({ loss: 'InfoNCE' })],
  ['Trainer with an optimizer by name', () => trainer({ loss: new InfoNCE(), optimizer: 'AdamW' })],
  ['Trainer with a schedule by name', () => trainer({ loss: new InfoNCE(), schedule: 'cosine' })],
  ['Trainer with freeze by name', () => trainer({ loss: new InfoNCE(), freeze: 'text' })],
  ['Trainer with ema true', () => trainer({ loss: new InfoNCE(), ema: true })],
  ['Trainer with ema that has decays', () => trainer({ loss: new InfoNCE(), ema: { decay: 0.9, decays: 0.9 } })],
  ['Trainer with ema of 1', () => trainer({ loss: new InfoNCE(), ema: { decay: 1 } })],
  ['Trainer with freeze until', () => trainer({ loss: new InfoNCE(), freeze: [{ match: 'text', until: 3 }] })],
  ['Trainer with freeze of names', () => trainer({ loss: new InfoNCE(), freeze: ['text'] })],
  [
    'Trainer with untilStep by word',
    () => trainer({ loss: new InfoNCE(), freeze: [{ match: 'text', untilStep: '3' }] }),
  ],
  ['Trainer with nonFinite ignore', () => trainer({ loss: new InfoNCE(), nonFinite: 'ignore' })],
  ['Trainer with unusedParameters false', () => trainer({ loss: new InfoNCE(), unusedParameters: false })],
  ['Trainer with clipNorm 0', () => trainer({ loss: new InfoNCE(), clipNorm: 0 })],
  ['Trainer with clipNorm by word', () => trainer({ loss: new InfoNCE(), clipNorm: '1' })],
  ['Trainer with half a seed', () => trainer({ loss: new InfoNCE(), seed: 0.5 })],
  ['Trainer with rhythmEvery -1', () => trainer({ loss: new InfoNCE(), rhythmEvery: -1 })],
  ['Trainer with chunkSize by word', () => trainer({ loss: new InfoNCE(), chunkSize: '8' })],
  ['Trainer with equalCaptions by word', () => trainer({ loss: new InfoNCE(), equalCaptions: 'no' })],
  ['Trainer with recompute of nothing', () => trainer({ loss: new InfoNCE(), recompute: 'nothing' })],
  ['Trainer with labels on a model without heads', () => trainer({ loss: new LabelLoss() })],
  [
    'Trainer with labels among others on a model without heads',
    () => trainer({ loss: new WeightedSum([{ name: 'labels', loss: new LabelLoss() }] as Any) }),
  ],
  ['StepRunner()', make(StepRunner)],
  ['StepRunner without a loss', () => new (StepRunner as Any)({ model: smallModel() })],
  ['StepRunner without a model', () => new (StepRunner as Any)({ model: {}, loss: new InfoNCE() })],
  ['StepRunner with seed', () => new (StepRunner as Any)({ model: smallModel(), loss: new InfoNCE(), seed: 3 })],
  ['run()', () => (runner() as Any).run()],
  ['run without a step', () => (runner() as Any).run({}, {})],
  ['run with steps', () => (runner() as Any).run({}, { step: 1, steps: 3 })],
  ['run of a batch that is none', () => (runner() as Any).run({}, { step: 0 })],
  ['Trainer with matching on a model without fusion', () => trainer({ loss: new ImageTextMatching() })],
  ['Trainer with SigLIP on a model without bias', () => trainer({ loss: new SigLIP() })],
  ['fit()', () => (trainer() as Any).fit()],
  ['fit without options', () => (trainer() as Any).fit([])],
  ['fit with epoch', () => (trainer() as Any).fit([], { epoch: 1 })],
  ['fit with a batch that is none', () => (trainer() as Any).fit([{}], { epochs: 1 })],
  ['fit with epochs by word', () => (trainer() as Any).fit([{}], { epochs: 'three' })],
  ['fit with validate true', () => (trainer() as Any).fit([{}], { epochs: 1, validate: true })],
  ['fit with validate of nothing', fitWith({ validate: {} })],
  ['fit with validate that is a function', fitWith({ validate: () => ({}) })],
  ['fit with validate every', fitWith({ validate: { run: () => ({}), every: 3 } })],
  ['fit with validate everySteps 0', fitWith({ validate: { run: () => ({}), everySteps: 0 } })],
  ['fit with validate in mode highest', fitWith({ validate: { run: () => ({}), monitor: 'a', mode: 'highest' } })],
  ['fit with patience for nothing', fitWith({ validate: { run: () => ({}), patience: 3 } })],
  ['fit with towers of nothing', fitWith({ validate: { towers: {} } })],
  ['fit with towers of lists', fitWith({ validate: { towers: { training: [], heldOut: [] } } })],
  ['fit with checkpointEvery of a number', fitWith({ checkpointEvery: 3 })],
  ['fit with checkpointEvery of minutes', fitWith({ checkpointEvery: { minutes: 3 } })],
  ['fit with checkpointEvery 0 steps', fitWith({ checkpointEvery: { steps: 0 } })],
  ['fit with a checkpoint of true', fitWith({ checkpoint: true })],
  ['fit with an empty checkpoint', fitWith({ checkpoint: '' })],
  ['fit with a log by name', fitWith({ log: 'log.jsonl' })],
  ['fit with onStep that is no function', fitWith({ onStep: true })],
  ['fit with a signal that is none', fitWith({ signal: 3 })],
  ['fit with resume by name', fitWith({ resume: 'latest' })],
  ['fit of a generator', () => (trainer() as Any).fit((function* () {})(), { epochs: 1 })],
  ['evaluate()', call(evaluate)],
  ['evaluate without source', () => (evaluate as Any)(smallModel())],
  ['embedPairs()', call(embedPairs)],
  ['embedPairs without source', () => (embedPairs as Any)(smallModel())],
  ['cacheFeatures()', call(cacheFeatures)],
  ['trainHeads()', call(trainHeads)],
  ['embedCollection()', call(embedCollection)],
  ['FolderCheckpoints()', make(FolderCheckpoints)],
  ['FolderCheckpoints with keep', make(FolderCheckpoints, noFolder, { keep: 1 })],
  ['jsonlLog()', call(jsonlLog)],
  ['DataLoader()', make(DataLoader)],
  ['DataLoader without options', make(DataLoader, source)],
  ['DataLoader without parts', make(DataLoader, source, {})],
  ['DataLoader with batch_size', make(DataLoader, source, { ...loaderParts, batch_size: 3 })],
  ['DataLoader with a batchSize by word', make(DataLoader, source, { ...loaderParts, batchSize: '2' })],
  ['DataLoader of a list', make(DataLoader, [], loaderParts)],
  ['DataLoader with a cache by another name', make(DataLoader, source, { ...loaderParts, cache: 'encoded' })],
  ['DataLoader with a cache that is true', make(DataLoader, source, { ...loaderParts, cache: true })],
  ['DataLoader with a negative cacheBytes', make(DataLoader, source, { ...loaderParts, cacheBytes: -1 })],
  ['DataLoader with shard of a number', make(DataLoader, source, { ...loaderParts, shard: 2 })],
  ['DataLoader with shard without rank', make(DataLoader, source, { ...loaderParts, shard: { worldSize: 2 } })],
  ['DataLoader with shard.world_size', make(DataLoader, source, { ...loaderParts, shard: { rank: 0, world_size: 2 } })],
  ['DataLoader with a rank beyond', make(DataLoader, source, { ...loaderParts, shard: { rank: 2, worldSize: 2 } })],
  ['DataLoader with buffer.size', make(DataLoader, source, { ...loaderParts, buffer: { size: 3 } })],
  ['DataLoader with bucketByLength.size', make(DataLoader, source, { ...loaderParts, bucketByLength: { size: 3 } })],
  ['DataLoader with float16 output', make(DataLoader, source, { ...loaderParts, output: 'float16' })],
  ['DataLoader with numWorkers', make(DataLoader, source, { ...loaderParts, numWorkers: 3 })],
  ...Object.entries({ jsonl, csv, parquet, webdataset, folder }).flatMap(([name, read]): [string, Call][] => [
    [`${name}()`, call(read)],
    [`${name}(null)`, call(read, null)],
    [`${name}(3)`, call(read, 3)],
    [`${name} with null options`, call(read, 'x', null)],
    [`${name} with max_caption_length`, call(read, 'x', { max_caption_length: 3 })],
    [`${name} with labels by name`, call(read, 'x', { labels: 'class' })],
  ]),
  ['pairs()', call(pairs)],
  ['pairs with column', call(pairs, [], { column: 'a' })],
  ['iterable()', call(iterable)],
  ['mix()', call(mix)],
  ['mix with seed', call(mix, [{ source, weight: 1 }], { seed: 1 })],
  ['mix of null', call(mix, [null])],
  ['collect()', call(collect)],
  ['inspect()', call(inspect)],
  ['compose()', call(compose)],
  ['compose(null)', call(compose, null)],
  ['compose of a step alone', call(compose, resize(8))],
  ['compose of names', call(compose, ['resize'])],
  ['compose with size', call(compose, [toTensor()], { size: 3 })],
  ['compose with decode by word', call(compose, [toTensor()], { decode: 'white' })],
  ['resize()', call(resize)],
  ['resize(NaN)', call(resize, Number.NaN)],
  ['letterbox()', call(letterbox)],
  ['imageTransform()', call(imageTransform)],
  ['imageTransform(null)', call(imageTransform, null)],
  ['imageTransform with an unknown name', call(imageTransform, 'imagnet')],
  ['imageTransform with augmentation', call(imageTransform, 'clip', { augmentation: [] })],
  ['tokenizer()', call(tokenizer)],
  ['tokenizer(null)', call(tokenizer, null)],
  ['tokenizer({})', call(tokenizer, {})],
  ['tokenizer of a file that is missing', call(tokenizer, noFolder)],
  ['tokenizer with max_length', call(tokenizer, noFolder, { max_length: 3 })],
  ['encode()', () => (words as Any).encode()],
  ['encode of one text', () => (words as Any).encode('a cat')],
  ["encode with transformers' option", () => (words as Any).encode(['a cat'], { max_length: 8 })],
  ['encode with padding by true', () => (words as Any).encode(['a cat'], true)],
  ['decode with an option of Python', () => (words as Any).decode([1], { skip_special_tokens: true })],
  ['encode of numbers', () => (words as Any).encode([3])],
  ['openSource()', call(openSource)],
  ['hubSource()', call(hubSource)],
  ['openSafetensors()', call(openSafetensors)],
  ['openSafetensors of a file that is missing', call(openSafetensors, noFolder)],
  ['retrieval()', call(retrieval)],
  ['topK()', call(topK)],
  ['mineHardNegatives()', call(mineHardNegatives)],
  ['mineHardNegatives without ids', call(mineHardNegatives, { image: vectors, text: vectors })],
  ['mineHardNegatives with count', call(mineHardNegatives, embedded, { count: 3 })],
  ['mineHardNegatives with k 0', call(mineHardNegatives, embedded, { k: 0 })],
  ['mineHardNegatives with below by word', call(mineHardNegatives, embedded, { below: 'all' })],
  ['linearProbe()', call(linearProbe)],
  ['linearProbe without labels', call(linearProbe, vectors)],
  ['linearProbe with labels by name', call(linearProbe, vectors, ['a', 'b', 'a', 'b'])],
  ['linearProbe with negative labels', call(linearProbe, vectors, [0, 1, -1, 1])],
  ['linearProbe with c', call(linearProbe, vectors, [0, 1, 0, 1], { c: 1 })],
  ['linearProbe with maxIterations 0', call(linearProbe, vectors, [0, 1, 0, 1], { maxIterations: 0 })],
  ['load()', call(load)],
  ['load(null)', call(load, null)],
  ['load of a folder that is missing', call(load, noFolder)],
  ['load with kinds', call(load, noFolder, { part: {} })],
  ['load of half an address', call(load, 'https://')],
  ['load of an address with other options', call(load, 'http://127.0.0.1:1/', { retries: 0 })],
  ['urlSource of a path', call(urlSource, '/models/mine')],
  [
    'exportHf of an encoder that Python has not',
    call(exportHf, noFolder, { encoder: smallModel(), transform, tokenizer: words }),
  ],
  ['exportOnnx of a model with other parts', () => joint().exportOnnx(noFolder, { parts: ['picture'] } as Any)],
  ['pushFolder without a token', call(pushFolder, noFolder, 'me/mine', { token: '' })],
  ['pushFolder to no id', call(pushFolder, noFolder, 'mine')],
  ['save()', call(save)],
  ['save of nothing', call(save, noFolder)],
  ['save of an encoder alone', () => (save as Any)(noFolder, smallModel())],
  ['JointModel()', make(JointModel)],
  ['JointModel({})', make(JointModel, {})],
  ['seedModel with pretrain', call(seedModel, { pretrain: true })],
  ...PRETRAINED.flatMap(([name, Class]): [string, Call][] => [
    [`${name}.fromPretrained()`, () => Class.fromPretrained()],
    [`${name}.fromPretrained with null options`, () => Class.fromPretrained(noFolder, null)],
    [`${name}.fromPretrained with embed_dim`, () => Class.fromPretrained(noFolder, { embed_dim: 4 })],
    [`${name}.fromPretrained with an embedDim of 0`, () => Class.fromPretrained(noFolder, { embedDim: 0 })],
    [`${name}.fromPretrained with hub.tokn`, () => Class.fromPretrained(noFolder, { hub: { tokn: 'a' } })],
  ]),
  ...[imageEncoderFromPretrained, textEncoderFromPretrained].flatMap((open): [string, Call][] => [
    [`${open.name}()`, call(open)],
    [`${open.name} with null options`, call(open, noFolder, null)],
    [`${open.name} with width`, call(open, noFolder, { width: 4 })],
  ]),
  ...LAYERS.map(([name, Class, ...given]): [string, Call] => [`new ${name}`, make(Class, ...given)]),
  ['exportOnnx()', call(exportOnnx)],
  ['exportOnnx of a model', call(exportOnnx, smallModel, {})],
  ['exportOnnx with input_names', call(exportOnnx, (x: Any) => x, [], { input_names: [] })],
  ['exportOnnx on another engine', call(exportOnnx, (x: Any) => x, [])],
  ['useOnnxRuntime with threads', call(useOnnxRuntime, { threads: 2 })],
  ['runOnnx()', call(runOnnx)],
  ['addLora with r', () => (addLora as Any)(smallModel(), 'text', { r: 8 })],
  ['freeze of nothing', call(freeze)],
  ['summary()', call(summary)],
  ['loadState()', call(loadState)],
  ['loadState with stric', () => (loadState as Any)(smallModel(), {}, { stric: false })],
  ['resize with max_size', call(resize, 8, { max_size: 9 })],
  ['letterbox with colour', call(letterbox, 8, { colour: 'white' })],
  ['normalize of numbers alone', call(normalize, [0.5, 0.5, 0.5])],
  ['colorJitter with bright', call(colorJitter, { bright: 1 })],
  ['decodeImage with orientation', call(decodeImage, noFolder, { orientation: true })],
  ['pixelStep without apply', call(pixelStep, { op: 'my/blur', options: {} })],
  ['registerKinds of a list', call(registerKinds, ['my/blur'])],
  ['defineOptimizer without update', call(defineOptimizer, { name: 'Mine', defaults: {} })],
  ['DualEncoder.fromPretrained()', () => (DualEncoder as Any).fromPretrained()],
  ['DualEncoder.fromPretrained with token', () => (DualEncoder as Any).fromPretrained(noFolder, { token: 'a' })],
];

async function failureOf(run: Call): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('misuse', () => {
  beforeAll(() => tf.setBackend('cpu'));

  it.each(CASES)('%s says what to do', async (_, run) => {
    const error = await failureOf(run);
    expect(isDiptychError(error), `${(error as Error | undefined)?.stack ?? 'nothing was thrown'}`).toBe(true);
    const { where, message } = error as Error & { where: string };
    expect(where).not.toBe('');
    // what was expected, or what went wrong with what to do about it
    expect(message).toMatch(/expected .+|; .+/);
  });

  it.each([
    ...CONFIGURED.map(
      ([name, Class, right, misspelt, meant]) =>
        [name, misspelt, meant, make(Class, { ...right, [misspelt]: 1 })] as const,
    ),
    ...OPTIONAL.map(
      ([name, Class, misspelt, meant]) => [name, misspelt, meant, make(Class, { [misspelt]: 1 })] as const,
    ),
    ['DataLoader', 'batch_size', 'batchSize', make(DataLoader, source, { ...loaderParts, batch_size: 3 })] as const,
    ['Trainer', 'optimiser', 'optimizer', () => trainer({ loss: new InfoNCE(), optimiser: new AdamW() })] as const,
    ['fit', 'epoch', 'epochs', () => (trainer() as Any).fit([], { epoch: 1 })] as const,
    // nested ones
    [
      'shard',
      'world_size',
      'worldSize',
      make(DataLoader, source, { ...loaderParts, shard: { rank: 0, world_size: 2 } }),
    ] as const,
    ['ema', 'decays', 'decay', () => trainer({ loss: new InfoNCE(), ema: { decay: 0.9, decays: 0.9 } })] as const,
    ['validate', 'monitors', 'monitor', fitWith({ validate: { run: () => ({}), monitors: 'a' } })] as const,
    ['checkpointEvery', 'step', 'steps', fitWith({ checkpointEvery: { step: 3 } })] as const,
    ...PRETRAINED.flatMap(([name, Class]) => [
      [
        `${name}.fromPretrained`,
        'embed_dim',
        'embedDim',
        () => Class.fromPretrained(noFolder, { embed_dim: 4 }),
      ] as const,
      [
        `${name}.fromPretrained: hub`,
        'tokn',
        'token',
        () => Class.fromPretrained(noFolder, { hub: { tokn: 'a' } }),
      ] as const,
    ]),
  ])('%s answers %s with %s', async (_name, _misspelt, meant, run) => {
    expect(await failureOf(run)).toMatchObject({ remedy: `did you mean ${meant}?` });
  });

  it('leaves no tensor behind where a constructor refuses its options', async () => {
    const before = tf.memory().numTensors;
    for (const [, run] of CASES.filter(([name]) => name.startsWith('new ') || name.includes('.fromPretrained')))
      await failureOf(run);
    expect(tf.memory().numTensors).toBe(before);
  });
});
