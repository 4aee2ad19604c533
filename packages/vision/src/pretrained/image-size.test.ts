import { expect, it } from 'vitest';
import { withImageSize } from './image-size.js';

it('changes the size of timm settings and nothing else', () => {
  const config = { input_size: [3, 224, 224], crop_pct: 0.9, mean: [0.5, 0.5, 0.5] };
  expect(withImageSize(config, 384)).toEqual({ ...config, input_size: [3, 384, 384] });
});

it.each([
  [
    'CLIP',
    { do_center_crop: true, size: { shortest_edge: 224 }, crop_size: { height: 224, width: 224 } },
    336,
    {
      do_center_crop: true,
      size: { shortest_edge: 336 },
      crop_size: { height: 336, width: 336 },
    },
  ],
  [
    'an old CLIP',
    { do_center_crop: true, size: 224, crop_size: 224 },
    336,
    { do_center_crop: true, size: 336, crop_size: 336 },
  ],
  [
    'ViT',
    { do_resize: true, size: { height: 224, width: 224 } },
    384,
    { do_resize: true, size: { height: 384, width: 384 } },
  ],
  [
    'DeiT',
    { do_center_crop: true, size: 256, crop_size: 224 },
    448,
    { do_center_crop: true, size: 512, crop_size: 448 },
  ],
  [
    'the same size',
    { do_center_crop: true, size: 250, crop_size: 224 },
    224,
    { do_center_crop: true, size: 250, crop_size: 224 },
  ],
])('scales the sizes of transformers settings: %s', (_name, config, side, expected) => {
  expect(withImageSize(config, side)).toEqual(expected);
});

it('says a size where the settings leave it to their class', () => {
  const config = { image_processor_type: 'CLIPImageProcessor' };
  expect(withImageSize(config, 224, 224)).toEqual(config);
  expect(withImageSize(config, 336, 224)).toEqual({ ...config, size: 336, crop_size: 336 });
});
