import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bert } from '@diptych/text';
import { ViT } from '@diptych/vision';
import { stateDict } from '@diptych/weights';
import { writeSafetensors } from '@diptych/weights/node';

const WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'red', 'green', 'blue', 'dark', 'light', 'square', 'a'];

/** Folders of a tiny image tower and a tiny text tower in the layouts of the hub, with first weights. */
export async function tinyTowers(folder: string): Promise<{ image: string; text: string }> {
  const [image, text] = [join(folder, 'image'), join(folder, 'text')];
  for (const path of [image, text]) mkdirSync(path, { recursive: true });
  const write = (path: string, name: string, value: object) => writeFileSync(join(path, name), JSON.stringify(value));

  const vit = new ViT({ patchSize: 8, hiddenSize: 32, numLayers: 1, numHeads: 2, imageSize: 16 }, { seed: 1 });
  await writeSafetensors(join(image, 'model.safetensors'), await stateDict(vit));
  vit.dispose();
  write(image, 'config.json', {
    architecture: 'vit_tiny_patch16_224',
    model_args: { img_size: 16, patch_size: 8, embed_dim: 32, depth: 1, num_heads: 2 },
    pretrained_cfg: { input_size: [3, 16, 16], interpolation: 'bicubic', mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  });

  const sizes = { vocabSize: WORDS.length, hiddenSize: 32, numLayers: 1, numHeads: 2, intermediateSize: 64 };
  const bert = new Bert({ ...sizes, maxPositions: 64 }, { seed: 2, pooling: 'mean' });
  await writeSafetensors(join(text, 'model.safetensors'), await stateDict(bert));
  bert.dispose();
  write(text, 'config.json', {
    model_type: 'bert',
    vocab_size: WORDS.length,
    hidden_size: 32,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 64,
    max_position_embeddings: 64,
  });
  writeFileSync(join(text, 'vocab.txt'), `${WORDS.join('\n')}\n`);
  return { image, text };
}
