import * as core from '@diptych/core';
import * as data from '@diptych/data';
import * as fusion from '@diptych/fusion';
import * as metrics from '@diptych/metrics';
import * as nn from '@diptych/nn';
import * as image from '@diptych/preprocess/image';
import * as words from '@diptych/preprocess/text';
import * as text from '@diptych/text';
import * as train from '@diptych/train';
import * as trainNode from '@diptych/train/node';
import * as vision from '@diptych/vision';
import * as weights from '@diptych/weights';
import * as weightsNode from '@diptych/weights/node';
import { expect, it } from 'vitest';
import * as diptychCore from './core.js';
import * as diptych from './index.js';
import * as diptychNN from './nn.js';
import * as diptychWeights from './weights.js';

// a name that two packages export is left out of `export *` without a word where it is no type
it.each(Object.entries({ data, fusion, metrics, image, words, text, train, trainNode, vision }))(
  'has all that %s exports, under its name',
  (_, exported) => {
    for (const [name, value] of Object.entries(exported)) {
      if (name !== 'kinds') expect(diptych, name).toHaveProperty(name, value);
      else expect(diptych.kinds).toMatchObject(value as object);
    }
  },
);

it('has what parts of your own are written with in subpaths', () => {
  expect({ ...diptychCore }).toEqual({ ...core });
  expect({ ...diptychNN }).toEqual({ ...nn });
  expect({ ...diptychWeights }).toEqual({ ...weights, ...weightsNode });
});
