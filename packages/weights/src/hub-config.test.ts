import { describe, expect, it } from 'vitest';
import { HubConfig } from './hub-config.js';

const config = (fields: object) => new HubConfig('org/name/config.json', fields as never);

describe('HubConfig', () => {
  it('reads values, takes defaults for what is missing or null, and names file and field of what is wrong', () => {
    const fields = config({ size: 3, none: null, sides: [4, 4], list: [1, 2], name: 'x', on: true, other: 'y' });
    expect([fields.number('size'), fields.number('none', 7), fields.number(['away', 'size'])]).toEqual([3, 7, 3]);
    expect([fields.side('sides'), fields.side('size'), fields.numbers('list')]).toEqual([4, 3, [1, 2]]);
    expect([fields.text('name'), fields.flag('on', false), fields.choice('other', { y: 9 }, 'z')]).toEqual([
      'x',
      true,
      9,
    ]);
    expect(() => fields.number('name')).toThrow('org/name/config.json: name: expected a number, got "x"');
    expect(() => fields.number(['a', 'b'])).toThrow('a or b: expected a number, got nothing');
    expect(() => fields.side('list')).toThrow('list: expected a square');
    expect(() => fields.choice('name', { y: 9 }, 'y')).toThrow('name: expected one of y, got "x"');
    expect(() => fields.object('size')).toThrow('size: expected an object, got 3');
    expect(() => fields.only('size', 4)).toThrow('expected 4, the only one implemented');
    expect(() => fields.number('toString')).toThrow('expected a number, got nothing');
  });

  it("lets an older *_config_dict replace a tower's configuration as a whole, its defaults included", () => {
    const whole = config({
      text_config: { hidden_size: 8, num_hidden_layers: 9, vocab_size: 5 },
      text_config_dict: { hidden_size: 16 },
      vision_config: { hidden_size: 4 },
      vision_config_dict: null,
    });
    const text = whole.tower('text');
    expect([text.number('hidden_size', 512), text.number('num_hidden_layers', 12)]).toEqual([16, 12]);
    expect(whole.tower('vision').number('hidden_size', 768)).toBe(4);
    expect(() => config({ text_config_dict: 3 }).tower('text')).toThrow('text_config_dict: expected an object');
    expect(config({}).tower('text').number('hidden_size', 512)).toBe(512);
  });

  it('remembers which fields had no effect', () => {
    const whole = config({ torch_dtype: 'float16', dim: 3, text_config: { width: 4, bos_token_id: 0 }, left: {} });
    whole.number('dim');
    whole.object('text_config').number('width');
    expect(whole.unread()).toEqual(['torch_dtype', 'text_config.bos_token_id', 'left']);
  });
});
