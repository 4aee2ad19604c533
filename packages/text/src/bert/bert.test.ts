import '@tensorflow/tfjs-backend-cpu';
import { readFileSync } from 'node:fs';
import { inference } from '@diptych/core';
import { BlankGenerator, randomStream } from '@diptych/nn';
import { adapters, adaptName, memorySource, stateDict } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { difference, fixture, inputOf, openFixture, tensorOf } from '../../test/fixtures.js';
import { tokens } from '../../test/tokens.js';
import { BERT_CONFIGS, Bert, type BertConfig, type BertOptions } from '../index.js';

const TINY: BertConfig = {
  vocabSize: 30,
  hiddenSize: 8,
  numLayers: 2,
  numHeads: 2,
  intermediateSize: 12,
  maxPositions: 10,
};
const make = (options: BertOptions = {}, config: Partial<BertConfig> = {}) => new Bert({ ...TINY, ...config }, options);
const rows = [
  [2, 5, 6, 3],
  [2, 9, 3],
];

describe('Bert', () => {
  it("has the names and shapes of transformers' BertModel", () => {
    const names = [...make({ pooling: 'pooler', embedDim: 5 }).namedParameters()].map(([name]) => name);
    expect(names.slice(0, 9)).toEqual([
      'embeddings.word_embeddings.weight',
      'embeddings.position_embeddings.weight',
      'embeddings.token_type_embeddings.weight',
      'embeddings.LayerNorm.weight',
      'embeddings.LayerNorm.bias',
      'encoder.layer.0.attention.self.query.weight',
      'encoder.layer.0.attention.self.query.bias',
      'encoder.layer.0.attention.self.key.weight',
      'encoder.layer.0.attention.self.key.bias',
    ]);
    expect(names).toContain('encoder.layer.1.output.LayerNorm.bias');
    expect(names.slice(-4)).toEqual([
      'pooler.dense.weight',
      'pooler.dense.bias',
      'projection.weight',
      'projection.bias',
    ]);
  });

  it('has the sizes of the published models', () => {
    const sizeOf = (name: keyof typeof BERT_CONFIGS) => {
      const config: BertConfig = BERT_CONFIGS[name];
      const { hiddenSize: d, intermediateSize: m, typeVocabSize = 2 } = config;
      const layer = 4 * (d * d + d) + 2 * d * m + m + d + 4 * d;
      return (config.vocabSize + config.maxPositions + typeVocabSize + 2) * d + config.numLayers * layer;
    };
    const pooler = 768 * 769;
    // parameters of the checkpoints as transformers counts them
    expect(sizeOf('bert-base-uncased') + pooler).toBe(109_482_240);
    expect(sizeOf('distilbert-base-uncased')).toBe(66_362_880);
    expect(sizeOf('roberta-base') + pooler).toBe(124_645_632);
    expect(sizeOf('all-MiniLM-L6-v2') + 384 * 385).toBe(22_713_216);
    expect(sizeOf('bert-large-uncased') + 1024 * 1025).toBe(335_141_888);
  });

  it('gives pooled, sequence and mask in the width asked for', () => {
    for (const [options, width] of [
      [{}, 8],
      [{ embedDim: 5 }, 5],
    ] as const) {
      const bert = make(options);
      const { pooled, sequence, mask } = bert.encode(tokens(rows), inference);
      expect(bert.embedDim).toBe(width);
      expect([pooled.shape, sequence.shape, mask!.shape]).toEqual([
        [2, width],
        [2, 4, width],
        [2, 4],
      ]);
    }
  });

  it('pools as asked', () => {
    const states = (bert: Bert) => bert.hiddenStates(tokens(rows), inference).at(-1)!;
    const cls = make();
    expect(
      difference(cls.encode(tokens(rows), inference).pooled, tf.squeeze(tf.slice(states(cls), [0, 0], [2, 1]), [1])),
    ).toBe(0);
    const second = (bert: Bert) => tf.slice(states(bert), [1, 0, 0], [1, 3, 8]);
    const mean = make({ pooling: 'mean' });
    const pooledOf = (bert: Bert) => tf.slice(bert.encode(tokens(rows), inference).pooled, [1, 0], [1, 8]);
    expect(difference(pooledOf(mean), tf.mean(second(mean), 1))).toBeLessThan(1e-6);
    const max = make({ pooling: 'max' });
    expect(difference(pooledOf(max), tf.max(second(max), 1))).toBeLessThan(1e-6);
    const unit = make({ pooling: 'mean', normalize: true }).encode(tokens(rows), inference).pooled;
    expect(difference(tf.norm(unit, 2, 1), tf.ones([2]))).toBeLessThan(1e-6);
  });

  it('computes the first token by itself, with the values and gradients that it has among the others', () => {
    for (const pooling of ['cls', 'pooler'] as const) {
      const bert = make({ pooling, embedDim: 5 });
      const direction = tf.linspace(-1, 1, 5);
      const gradientsOf = (vectors: () => tf.Tensor) =>
        tf.variableGrads(() => tf.sum(tf.mul(vectors(), direction))).grads;
      const whole = gradientsOf(() => {
        const states = bert.hiddenStates(tokens(rows), inference).at(-1)!;
        const first: tf.Tensor2D = tf.reshape(tf.slice(states, [0, 0, 0], [2, 1, 8]), [2, 8]);
        return bert.projection!.forward(bert.pooler ? bert.pooler.forward(first) : first);
      });
      const alone = gradientsOf(() => bert.encode(tokens(rows), inference).pooled);
      expect(Object.keys(alone).sort()).toEqual(Object.keys(whole).sort());
      for (const [name, gradient] of Object.entries(whole)) {
        expect(difference(alone[name]!, gradient)).toBeLessThan(1e-6);
      }
    }
  });

  it('gives a text the same vector whatever the padding beside it', () => {
    for (const config of [{}, { positions: 'roberta', padTokenId: 0 }] as const) {
      const bert = make({ pooling: 'mean' }, config);
      const alone = bert.encode(tokens([rows[1]!]), inference).pooled;
      const padded = bert.encode(tokens([rows[1]!], 9), inference).pooled;
      expect(difference(alone, padded)).toBeLessThan(1e-6);
    }
  });

  it('takes rows up to its positions and says so beyond', () => {
    const bert = make();
    expect(bert.maxLength).toBe(10);
    expect(() => bert.encode(tokens([[1]], 10), inference)).not.toThrow();
    expect(() => bert.encode(tokens([[1]], 11), inference)).toThrow(
      /text\.Bert: expected at most 10 tokens, as many as it has position embeddings, got 11; cut the texts/,
    );
    expect(make({}, { positions: 'roberta', padTokenId: 1 }).maxLength).toBe(8);
    expect(
      new Bert({ ...BERT_CONFIGS['roberta-base'], numLayers: 1 }, { generator: new BlankGenerator() }).maxLength,
    ).toBe(512);
  });

  it('drops in training by its configuration', () => {
    const bert = make().bindPaths('text');
    const training = { training: true, random: randomStream(1, 1) } as const;
    const still = bert.encode(tokens(rows), inference).pooled;
    const moving = bert.encode(tokens(rows), training).pooled;
    expect(difference(still, moving)).toBeGreaterThan(1e-3);
    expect(difference(moving, bert.encode(tokens(rows), training).pooled)).toBe(0);
    const dry = make({}, { dropout: 0, attentionDropout: 0 });
    expect(difference(dry.encode(tokens(rows), training).pooled, dry.encode(tokens(rows), inference).pooled)).toBe(0);
  });

  it('describes itself so that it can be built again', () => {
    const bert = make({ pooling: 'pooler', embedDim: 5 });
    const { kind, options } = bert.describe();
    expect(kind).toBe('text/bert');
    const { architecture, ...rest } = JSON.parse(JSON.stringify(options)) as { architecture: BertConfig };
    const again = new Bert(architecture, rest);
    expect([...again.namedParameters()].map(([name, { shape }]) => [name, shape])).toEqual(
      [...bert.namedParameters()].map(([name, { shape }]) => [name, shape]),
    );
    expect(again.describe()).toEqual(bert.describe());
  });

  it('refuses wrong configurations and inputs', () => {
    // @ts-expect-error an unknown name
    expect(() => new Bert('bert-tiny')).toThrow(/text\.Bert: expected one of bert-base-uncased, .*, got bert-tiny/);
    expect(() => make({}, { numHeads: 3 })).toThrow(/divides hiddenSize 8, got 3/);
    expect(() => make({ embedDim: 0 })).toThrow(/embedDim to be a whole number above 0/);
    expect(() => make({ pooling: 'pooler', addPoolingLayer: false })).toThrow(/needs addPoolingLayer/);
    const input = { ...tokens(rows), tokenTypeIds: tf.zeros<tf.Rank.R2>([2, 4], 'int32') };
    expect(() => make({}, { typeVocabSize: 0 }).encode(input, inference)).toThrow(/no segment embeddings/);
  });

  it('leaves no tensor behind, ten times over', () => {
    const input = tokens(rows);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 10; i++) {
      const bert = make({ seed: i, embedDim: 3 });
      tf.tidy(() => void bert.encode(input, inference));
      bert.dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('Bert.fromPretrained', () => {
  it.each([
    ['tiny-roberta', adapters.roberta],
    ['tiny-distilbert', adapters.distilBert],
  ])("equals transformers' hidden states and gradients: %s", async (folder, adapter) => {
    const bert = await Bert.fromPretrained(fixture(folder));
    expect(bert.report!.complete).toBe(true);
    const expected = openFixture(`${folder}/expected.safetensors`);
    const input = inputOf(expected);
    for (const [i, state] of bert.hiddenStates(input, inference).entries()) {
      expect(difference(state, tensorOf(expected, `hidden_states.${i}`)), `state ${i}`).toBeLessThan(1e-5);
    }
    const gradients = openFixture(`${folder}/gradients.safetensors`);
    const r = tensorOf(expected, 'r');
    const { grads } = tf.variableGrads(() => tf.sum(tf.mul(bert.encode(input, inference).pooled, r)));
    const parameters = new Map(bert.namedParameters());
    expect(gradients.infos.size).toBe(parameters.size);
    for (const name of gradients.infos.keys()) {
      const ours = adaptName(name, adapter)!.names[0]!;
      const gradient = grads[parameters.get(ours)!.name]!;
      expect(difference(gradient, tensorOf(gradients, name)), name).toBeLessThan(2e-5);
    }
  });

  it("takes a sentence-transformers folder's pooling, normalisation and length", async () => {
    const bert = await Bert.fromPretrained(fixture('tiny-sentence-transformer'));
    expect([bert.pooling, bert.normalize, bert.tokenizer!.maxLength]).toEqual(['mean', true, 12]);
    const expected = openFixture('tiny-sentence-transformer/expected.safetensors');
    const { pooled } = bert.encode(inputOf(expected), inference);
    expect(difference(pooled, tensorOf(expected, 'pooled'))).toBeLessThan(2e-6);
    expect(bert.report!.ignored).toEqual(['pooler.dense.bias', 'pooler.dense.weight']);
    const own = await Bert.fromPretrained(fixture('tiny-sentence-transformer'), {
      pooling: 'pooler',
      normalize: false,
    });
    expect([own.pooling, own.normalize, own.report!.ignored]).toEqual(['pooler', false, []]);
  });

  it("takes a sentence-transformers folder's dense layers, with their gradients", async () => {
    const folder = 'tiny-sentence-transformer-dense';
    const bert = await Bert.fromPretrained(fixture(folder));
    expect([bert.pooling, bert.normalize, bert.embedDim, bert.tokenizer!.maxLength]).toEqual(['cls', true, 10, 12]);
    expect(bert.report!.complete).toBe(true);
    const expected = openFixture(`${folder}/expected.safetensors`);
    const encode = () => bert.encode(inputOf(expected), inference);
    expect(difference(encode().pooled, tensorOf(expected, 'pooled'))).toBeLessThan(1e-6);
    expect(encode().sequence.shape).toEqual([3, 9, 10]);
    const { grads } = tf.variableGrads(() => tf.sum(tf.mul(encode().pooled, tensorOf(expected, 'r'))));
    const dense = [...bert.namedParameters()].filter(([name]) => name.startsWith('dense.'));
    expect(dense.map(([name]) => name)).toEqual([
      'dense.0.linear.weight',
      'dense.0.linear.bias',
      'dense.1.linear.weight',
    ]);
    for (const [name, { name: variable }] of dense) {
      expect(difference(grads[variable]!, tensorOf(expected, `grad.${name}`)), name).toBeLessThan(2e-6);
    }
    const { architecture: _, ...described } = bert.describe().options;
    const again = new Bert(bert.config, described as BertOptions);
    expect([...again.namedParameters()].map(([name, { shape }]) => `${name} ${shape}`)).toEqual(
      [...bert.namedParameters()].map(([name, { shape }]) => `${name} ${shape}`),
    );
    expect(again.describe()).toEqual({ ...bert.describe(), options: again.describe().options });
    const narrow = await Bert.fromPretrained(fixture(folder), { embedDim: 4 });
    expect([narrow.embedDim, narrow.projection!.weight.shape]).toEqual([4, [4, 10]]);
    for (const made of [bert, again, narrow]) made.dispose();
  });

  it('gives a new projection random weights and lists it', async () => {
    const bert = await Bert.fromPretrained(fixture('tiny-roberta'), { embedDim: 5, seed: 1 });
    expect(bert.report!.fresh.map(({ name }) => name)).toEqual(['projection.weight', 'projection.bias']);
    expect(tf.max(tf.abs(bert.projection!.weight)).dataSync()[0]).toBeGreaterThan(0.1);
    const other = await Bert.fromPretrained(fixture('tiny-roberta'), { embedDim: 5, seed: 2 });
    expect(difference(bert.projection!.weight, other.projection!.weight)).toBeGreaterThan(0.01);
  });

  const config = (folder: string, change: object = {}) =>
    JSON.stringify({ ...JSON.parse(readFileSync(fixture(`${folder}/config.json`), 'utf8')), ...change });
  const weights = () => readFileSync(fixture('tiny-roberta/model.safetensors'));

  it('says what is wrong with a source, and frees what it made', async () => {
    const before = tf.memory().numTensors;
    const load = (files: Record<string, string | Uint8Array>) => Bert.fromPretrained(memorySource(files, 'mine'));
    await expect(load({})).rejects.toThrow(/mine: expected a file config\.json/);
    await expect(load({ 'config.json': '{"model_type":"t5"}' })).rejects.toThrow(
      /text\.Bert: expected a checkpoint of bert, roberta, .*got mine, which transformers calls t5/,
    );
    await expect(load({ 'config.json': '{"model_type":"bert","vocab_size":"9"}' })).rejects.toThrow(
      /vocab_size: expected a number, got "9"/,
    );
    await expect(
      load({ 'config.json': config('tiny-roberta', { hidden_act: 'mish' }), 'model.safetensors': weights() }),
    ).rejects.toThrow(/hidden_act: expected one of gelu, .*got "mish"/);
    await expect(
      load({ 'config.json': config('tiny-roberta', { position_embedding_type: 'relative_key' }) }),
    ).rejects.toThrow(/position_embedding_type: expected "absolute", .*got "relative_key"/);
    await expect(load({ 'config.json': config('tiny-roberta'), 'pytorch_model.bin': 'x' })).rejects.toThrow(
      /safetensors/,
    );
    await expect(
      load({ 'config.json': config('tiny-roberta', { num_hidden_layers: 3 }), 'model.safetensors': weights() }),
    ).rejects.toThrow(/encoder\.layer\.2\./);
    await expect(
      load({ 'config.json': config('tiny-roberta', { hidden_size: 32 }), 'model.safetensors': weights() }),
    ).rejects.toThrow(/\[60,32\] float32 +\[60,16\] float32/);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('finds the transformer in a folder of its own, as older sentence-transformers save it', async () => {
    const file = (path: string) => readFileSync(fixture(`tiny-sentence-transformer/${path}`));
    const modules = [
      { path: '0_Transformer', type: 'sentence_transformers.models.Transformer' },
      { path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
    ];
    const source = memorySource({
      'modules.json': JSON.stringify(modules),
      '0_Transformer/config.json': file('config.json'),
      '0_Transformer/model.safetensors': file('model.safetensors'),
      '1_Pooling/config.json': JSON.stringify({ pooling_mode: 'max' }),
    });
    const bert = await Bert.fromPretrained(source);
    expect([bert.pooling, bert.normalize, bert.tokenizer!.maxLength]).toEqual(['max', false, 20]);
  });

  it('refuses modules of sentence-transformers that it does not have', async () => {
    const modules = (type: string) =>
      JSON.stringify([
        { path: '', type: 'sentence_transformers.models.Transformer' },
        { path: '1', type },
      ]);
    const load = (type: string, pooling: object) =>
      Bert.fromPretrained(
        memorySource(
          { 'modules.json': modules(type), '1/config.json': JSON.stringify(pooling), 'config.json': '{}' },
          'mine',
        ),
      );
    await expect(load('sentence_transformers.models.LSTM', {})).rejects.toThrow(
      /modules Transformer, Pooling, .*, got Transformer, LSTM/,
    );
    await expect(load('sentence_transformers.models.Pooling', { pooling_mode_lasttoken: true })).rejects.toThrow(
      /one pooling of cls, mean, max, got pooling_mode_lasttoken/,
    );
  });

  it('saves under the names it would load', async () => {
    const bert = await Bert.fromPretrained(fixture('tiny-sentence-transformer'), { pooling: 'pooler' });
    const state = await stateDict(bert);
    expect([...state.keys()].sort()).toEqual(
      [...openFixture('tiny-sentence-transformer/model.safetensors').infos.keys()].sort(),
    );
  });
});
