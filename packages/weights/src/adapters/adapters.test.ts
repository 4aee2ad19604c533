import { describe, expect, it } from 'vitest';
import { adaptName, chainAdapters, type NameAdapter, renameTensors, selectPrefix } from '../adapter.js';
import names from './__fixtures__/names.json' with { type: 'json' };
import * as adapters from './index.js';

type Shapes = Record<string, number[]>;

/** All names and shapes of a checkpoint after an adapter; the parts of a joined tensor are added up. */
function adapt(source: Shapes, adapter: NameAdapter): Shapes {
  const result: Shapes = {};
  for (const [name, shape] of Object.entries(source)) {
    const destination = adaptName(name, adapter);
    if (!destination) continue;
    const [rows, ...rest] = destination.transpose ? [...shape].reverse() : shape;
    for (const target of destination.names) {
      if (destination.part) {
        result[target] = [(result[target]?.[0] ?? 0) + rows!, ...rest];
      } else {
        if (result[target]) throw new Error(`two tensors become ${target}`);
        result[target] = rows === undefined ? [] : [rows / destination.names.length, ...rest];
      }
    }
  }
  return result;
}

const published: Record<string, Shapes> = names;
const without = (shapes: Shapes, pattern: RegExp) =>
  Object.fromEntries(Object.entries(shapes).filter(([name]) => !pattern.test(name)));

describe('name adapters, on names and shapes of torchvision and transformers', () => {
  it('ResNet with bottlenecks, of transformers', () => {
    expect(adapt(published['transformers.resnet']!, adapters.transformersResNet)).toEqual(
      published['torchvision.resnet'],
    );
  });

  it('ResNet with basic blocks, without a head', () => {
    expect(adapt(published['transformers.resnet.basic']!, adapters.transformersResNet)).toEqual(
      without(published['torchvision.resnet.basic']!, /^fc\./),
    );
  });

  it('ResNet of torchvision', () => {
    expect(adapt(published['torchvision.resnet']!, adapters.torchvisionResNet)).toEqual(
      published['torchvision.resnet'],
    );
  });

  const bertModel = published['transformers.bert']!;
  it('BERT with its pre-training heads, and with the names of TensorFlow', () => {
    expect(adapt(published['transformers.bert.pretraining']!, adapters.bert)).toEqual(bertModel);
    const old = Object.fromEntries(
      Object.entries(bertModel).map(([name, shape]) => [
        `bert.${name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta')}`,
        shape,
      ]),
    );
    old['bert.embeddings.position_ids'] = [1, 12];
    old['cls.predictions.bias'] = [30];
    expect(adapt(old, adapters.bert)).toEqual(bertModel);
    expect(adaptName('gate.gamma', adapters.bert)?.names).toEqual(['gate.gamma']);
  });

  it('DistilBERT', () => {
    expect(adapt(published['transformers.distilbert']!, adapters.distilBert)).toEqual(
      without(bertModel, /^pooler\.|token_type/),
    );
  });

  it('RoBERTa', () => {
    const expected = { ...without(bertModel, /^pooler\./), 'embeddings.token_type_embeddings.weight': [1, 8] };
    expect(adapt(published['transformers.roberta']!, adapters.roberta)).toEqual(expected);
  });

  const timm: Shapes = {
    cls_token: [1, 1, 8],
    pos_embed: [1, 5, 8],
    'patch_embed.proj.weight': [8, 3, 4, 4],
    'patch_embed.proj.bias': [8],
    'norm.weight': [8],
    'norm.bias': [8],
    'head.weight': [5, 8],
    'head.bias': [5],
  };
  for (const block of ['blocks.0', 'blocks.1']) {
    Object.assign(timm, {
      [`${block}.norm1.weight`]: [8],
      [`${block}.norm1.bias`]: [8],
      [`${block}.attn.qkv.weight`]: [24, 8],
      [`${block}.attn.qkv.bias`]: [24],
      [`${block}.attn.proj.weight`]: [8, 8],
      [`${block}.attn.proj.bias`]: [8],
      [`${block}.norm2.weight`]: [8],
      [`${block}.norm2.bias`]: [8],
      [`${block}.mlp.fc1.weight`]: [16, 8],
      [`${block}.mlp.fc1.bias`]: [16],
      [`${block}.mlp.fc2.weight`]: [8, 16],
      [`${block}.mlp.fc2.bias`]: [8],
    });
  }
  it.each(['transformers.vit', 'transformers.vit.v5'])('%s to timm', (key) => {
    expect(adapt(published[key]!, adapters.transformersViT)).toEqual(timm);
    expect(adaptName('vit.encoder.layer.3.attention.attention.key.bias', adapters.transformersViT)).toEqual({
      names: ['blocks.3.attn.qkv.bias'],
      part: { index: 1, of: 3 },
      transpose: false,
    });
  });

  it('the towers of CLIP and SigLIP share no name and miss none but the scales', () => {
    for (const [key, both, vision, text] of [
      ['transformers.clip', adapters.clip, adapters.clipVision, adapters.clipText],
      ['transformers.siglip', adapters.siglip, adapters.siglipVision, adapters.siglipText],
    ] as const) {
      const all = { ...published[key]!, 'text_model.embeddings.position_ids': [1, 77] };
      expect(adapt(all, both)).toEqual(published[key]);
      const towers = { ...adapt(all, vision), ...adapt(all, text) };
      expect(Object.keys(published[key]!).filter((name) => !(name in towers))).toEqual(
        key === 'transformers.clip' ? ['logit_scale'] : ['logit_bias', 'logit_scale'],
      );
    }
  });

  it('CLIP of open_clip to the layout of the hub', () => {
    const source: Shapes = {
      logit_scale: [],
      positional_embedding: [12, 8],
      text_projection: [8, 6],
      'token_embedding.weight': [30, 8],
      'ln_final.weight': [8],
      'ln_final.bias': [8],
      'visual.class_embedding': [8],
      'visual.positional_embedding': [5, 8],
      'visual.proj': [8, 6],
      'visual.conv1.weight': [8, 3, 4, 4],
      'visual.ln_pre.weight': [8],
      'visual.ln_pre.bias': [8],
      'visual.ln_post.weight': [8],
      'visual.ln_post.bias': [8],
      attn_mask: [12, 12],
    };
    for (const tower of ['transformer', 'visual.transformer']) {
      for (const index of [0, 1]) {
        const block = `${tower}.resblocks.${index}`;
        Object.assign(source, {
          [`${block}.ln_1.weight`]: [8],
          [`${block}.ln_1.bias`]: [8],
          [`${block}.attn.in_proj_weight`]: [24, 8],
          [`${block}.attn.in_proj_bias`]: [24],
          [`${block}.attn.out_proj.weight`]: [8, 8],
          [`${block}.attn.out_proj.bias`]: [8],
          [`${block}.ln_2.weight`]: [8],
          [`${block}.ln_2.bias`]: [8],
          [`${block}.mlp.c_fc.weight`]: [16, 8],
          [`${block}.mlp.c_fc.bias`]: [16],
          [`${block}.mlp.c_proj.weight`]: [8, 16],
          [`${block}.mlp.c_proj.bias`]: [8],
        });
      }
    }
    expect(adapt(source, adapters.openClip)).toEqual(published['transformers.clip']);
  });
});

describe('adaptName', () => {
  it('is not confused by patterns with flags, and escapes prefixes', () => {
    const adapter: NameAdapter = { rules: [{ from: /a/g, to: 'b' }], ignore: [/skip/g] };
    for (let i = 0; i < 3; i++) {
      expect(adaptName('aa', adapter)?.names).toEqual(['bb']);
      expect(adaptName('skip', adapter)).toBeUndefined();
    }
    expect(adaptName('a.b', selectPrefix('a.'))?.names).toEqual(['b']);
    expect(adaptName('axb', selectPrefix('a.'))).toBeUndefined();
  });

  it('chains adapters', () => {
    const chained = chainAdapters(selectPrefix('text.'), adapters.bert);
    expect(adaptName('text.bert.embeddings.LayerNorm.gamma', chained)?.names).toEqual(['embeddings.LayerNorm.weight']);
    expect(adaptName('text.cls.x', chained)).toBeUndefined();
    expect(adaptName('image.x', chained)).toBeUndefined();
    expect(() => chainAdapters(adapters.bert, selectPrefix('x'))).toThrow(/only the first/);
  });
});

describe("the reference system's names", () => {
  const reference = [
    'image_encoder.layer1.0.conv1.weight',
    'text_encoder.encoder.layer.0.attention.self.query.weight',
    'text_projection.bias',
    'fusion_layer.in_proj_weight',
    'logit_scale',
  ];
  const ours = [
    'image.layer1.0.conv1.weight',
    'text.encoder.layer.0.attention.self.query.weight',
    'text.projection.bias',
    'fusion.in_proj_weight',
    'logit_scale',
  ];
  const asMap = (keys: readonly string[]) => new Map(keys.map((name, i) => [name, i]));

  it('come and go', () => {
    expect(renameTensors(asMap(reference), adapters.fromReference)).toEqual(asMap(ours));
    expect(renameTensors(asMap(ours), adapters.toReference)).toEqual(asMap(reference));
  });

  it('were those of format 1, with the projection inside', () => {
    const before = ['text_encoder.projection.bias', 'exp_avg_sq.fusion_layer.in_proj_weight', 'loss.image_encoder.x'];
    const now = ['text.projection.bias', 'exp_avg_sq.fusion.in_proj_weight', 'loss.image_encoder.x'];
    expect(renameTensors(asMap(before), adapters.fromFormat1)).toEqual(asMap(now));
  });

  it('are refused where they are no mere names', () => {
    expect(() => renameTensors(asMap(['a.1', 'a.2']), { rules: [{ from: /\.\d/, to: '' }] })).toThrow(
      /renameTensors: a\.2: this tensor gets the name a, as another does/,
    );
    expect(() => renameTensors(asMap(['qkv']), { rules: [{ from: /qkv/, to: ['q', 'k', 'v'] }] })).toThrow(/is split/);
  });
});
