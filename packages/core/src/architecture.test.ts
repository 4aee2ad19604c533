import { describe, expect, it } from 'vitest';
import { type Architectures, describeArchitecture, resolveArchitecture } from './index.js';

interface Sizes {
  readonly numLayers: number;
  readonly activation?: string;
}
const nets: Architectures<'tiny', Sizes> = {
  where: 'mine.Net',
  table: { tiny: { numLayers: 2 } },
  names: { numLayers: 'required', activation: 'optional' },
};

describe('resolveArchitecture', () => {
  it('finds a name, and copies sizes of your own', () => {
    expect(resolveArchitecture('tiny', nets)).toEqual({
      where: 'mine.tiny',
      architecture: 'tiny',
      config: { numLayers: 2 },
    });
    const mine = { numLayers: 3 };
    const found = resolveArchitecture(mine, nets);
    mine.numLayers = 4;
    expect(found).toEqual({ where: 'mine.Net', architecture: { numLayers: 3 }, config: { numLayers: 3 } });
    expect(describeArchitecture(found.architecture)).toEqual({ numLayers: 3 });
  });

  it('refuses unknown names of networks and of sizes, in the words of other libraries too', () => {
    expect(() => resolveArchitecture('tniy' as 'tiny', nets)).toThrow(/mine\.Net: expected one of tiny, got tniy/);
    expect(() => resolveArchitecture({ depth: 2 } as never, nets)).toThrow(/got depth; did you mean numLayers\?/);
    expect(() => resolveArchitecture({ numLayers: 2, hidden_act: 'relu' } as Sizes, nets)).toThrow(/mean activation\?/);
    expect(() => resolveArchitecture({} as Sizes, nets)).toThrow(/expected the option numLayers/);
  });
});
