import { expect, it } from 'vitest';
import { trainingCaptions } from './captions.js';

it('names a picture by its name most of the time, and by each of its tags', () => {
  const dog = {
    id: '1F436',
    group: '1F436',
    image: 'dog.png',
    text: 'dog face',
    tags: ['dog', 'face', 'pet', 'puppy'],
  };
  const captions = trainingCaptions(dog);
  expect(captions).toContain('dog face puppy');
  expect(captions).toContain('a dog face');
  expect(captions).not.toContain('dog face dog');
  const share = captions.filter((caption) => caption === 'dog face').length / captions.length;
  expect(share).toBeGreaterThan(0.5);
});

it('has one caption for pairs without tags', () => {
  expect(trainingCaptions({ id: '1', group: '1', image: 'a.png', text: 'a red house' })).toEqual(['a red house']);
});
