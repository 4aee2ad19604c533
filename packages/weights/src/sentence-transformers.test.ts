import { WeightsError } from '@diptych/core';
import { describe, expect, it } from 'vitest';
import { memorySource } from './memory-source.js';
import { isSentenceTransformer, readSentenceTransformer } from './sentence-transformers.js';

const module = (kind: string, path: string, idx = 0) => ({
  idx,
  name: String(idx),
  path,
  type: `sentence_transformers.models.${kind}`,
});
// The files of all-MiniLM-L6-v2, as its repository has them.
const miniLM = {
  'modules.json': JSON.stringify([
    module('Transformer', ''),
    module('Pooling', '1_Pooling'),
    module('Normalize', '2_Normalize'),
  ]),
  'sentence_bert_config.json': '{"max_seq_length": 256, "do_lower_case": false}',
  '1_Pooling/config.json': JSON.stringify({
    word_embedding_dimension: 384,
    pooling_mode_cls_token: false,
    pooling_mode_mean_tokens: true,
    pooling_mode_max_tokens: false,
    pooling_mode_mean_sqrt_len_tokens: false,
  }),
};
const read = (files: Record<string, string>) => readSentenceTransformer(memorySource({ ...miniLM, ...files }));

describe('readSentenceTransformer', () => {
  it('reads all-MiniLM-L6-v2', async () => {
    expect(await isSentenceTransformer(memorySource(miniLM))).toBe(true);
    expect(await isSentenceTransformer(memorySource({}))).toBe(false);
    expect(await read({})).toEqual({ transformer: '', maxLength: 256, pooling: 'mean', normalize: true, dense: [] });
  });

  it('reads class token pooling, a transformer in its own folder, dense layers', async () => {
    const files = {
      'modules.json': JSON.stringify([
        module('Transformer', '0_Transformer'),
        module('Pooling', '1_Pooling'),
        module('Dense', '2_Dense'),
      ]),
      '1_Pooling/config.json': '{"pooling_mode": "cls"}',
      '2_Dense/config.json':
        '{"in_features": 768, "out_features": 512, "bias": true, "activation_function": "torch.nn.modules.activation.Tanh"}',
    };
    expect(await read(files)).toEqual({
      transformer: '0_Transformer',
      maxLength: undefined,
      pooling: 'cls',
      normalize: false,
      dense: [{ folder: '2_Dense', inFeatures: 768, outFeatures: 512, bias: true, activation: 'tanh' }],
    });
  });

  const dense = (fields: object) => ({
    'modules.json': JSON.stringify([module('Transformer', ''), module('Pooling', '1_Pooling'), module('Dense', 'd')]),
    'd/config.json': JSON.stringify({
      in_features: 8,
      out_features: 4,
      activation_function: 'torch.nn.modules.activation.ReLU',
      ...fields,
    }),
  });

  it("takes the tokenizer's length where the folder has none of its own", async () => {
    const without = { 'sentence_bert_config.json': '{"transformer_task": "feature-extraction"}' };
    expect((await read({ ...without, 'tokenizer_config.json': '{"model_max_length": 12}' })).maxLength).toBe(12);
    expect((await read({ ...without, 'tokenizer_config.json': '{"model_max_length": 1e30}' })).maxLength).toBe(
      undefined,
    );
    expect((await read(dense({}))).dense[0]).toMatchObject({ bias: true, activation: 'relu' });
  });

  it.each([
    [dense({ activation_function: 'torch.nn.modules.activation.Softmax' }), /d.config.json: expected .*Softmax/],
    [dense({ activation_function: 'os.system' }), /os\.system/],
    [dense({ in_features: -1 }), /in_features/],
    [dense({ use_residual: true }), /no residual/],
    [dense({ module_input_name: 'token_embeddings' }), /from sentence_embedding/],
    [{ 'modules.json': '{}' }, /list of modules/],
    [{ 'modules.json': '[null]' }, /type and path/],
    [{ 'modules.json': '[' }, /not valid JSON/],
    [{ 'modules.json': JSON.stringify([module('CLIPModel', '')]) }, /got CLIPModel/],
    [
      {
        'modules.json': JSON.stringify([
          module('Transformer', ''),
          module('Pooling', '1_Pooling'),
          module('LSTM', '2_LSTM'),
        ]),
      },
      /then Dense and Normalize.*got Transformer, Pooling, LSTM; load the transformer alone/,
    ],
    [{ '1_Pooling/config.json': '{"pooling_mode_weightedmean_tokens": true}' }, /got pooling_mode_weightedmean_tokens/],
    [
      { '1_Pooling/config.json': '{"pooling_mode_cls_token": true, "pooling_mode_max_tokens": true}' },
      /got cls and max/,
    ],
    [{ 'sentence_bert_config.json': '{"max_seq_length": -1}' }, /above 0, got -1/],
  ] as [Record<string, string>, RegExp][])('refuses what it cannot reproduce: %j', async (files, message) => {
    await expect(read(files)).rejects.toThrow(WeightsError);
    await expect(read(files)).rejects.toThrow(message);
  });
});
