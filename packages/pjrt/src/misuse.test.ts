// What ends a process in C is an error here. Each case runs in a process of its own, which must live on afterwards.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childRunner } from '../test/child';
import { cpuPlugin, reason } from '../test/cpu-plugin';
import { ADD, identity, product, STEP, TOO_LARGE } from '../test/programs';

/** Of each case: what is done, and the error that comes of it, or none. */
const CASES: Record<string, readonly [work: string, error: string]> = {
  'a buffer read after dispose': ['x.dispose(); await x.read()', 'EngineError: .*one that was disposed'],
  'a buffer read in place after dispose': ['x.dispose(); x.readSync()', 'EngineError: .*one that was disposed'],
  'a buffer asked for its size after dispose': ['x.dispose(); x.bytesOnDevice', 'EngineError: '],
  'a buffer disposed twice': ['x.dispose(); x.dispose()', ''],
  'a program disposed twice': ['add.dispose(); add.dispose()', ''],
  'a client disposed twice': ['client.dispose(); client.dispose()', ''],
  'a program run after dispose': ['add.dispose(); add.execute([x, x])', 'EngineError: .*executable in use'],
  'a program read after dispose': ['add.dispose(); add.serialize()', 'EngineError: .*executable in use'],
  'a program disposed while it runs': ['const [y] = large.execute([m, m]); large.dispose(); await y.read()', ''],
  'arguments disposed while they are read': ['const [y] = large.execute([m, m]); m.dispose(); await y.read()', ''],
  'outputs disposed while they are made': ['for (const y of large.execute([m, m])) y.dispose()', ''],
  'a buffer disposed while it is read': [
    'const [y] = large.execute([m, m]); const r = y.read(); y.dispose(); await r',
    '',
  ],
  'buffers of a client that was disposed': [
    'client.dispose(); await x.read()',
    'EngineError: .*disposed with its client',
  ],
  'a program of a client that was disposed': ['client.dispose(); add.execute([x, x])', 'EngineError: '],
  'an upload to a client that was disposed': ['client.dispose(); client.upload(four, [4])', 'EngineError: '],
  'a compilation by a client that was disposed': ['client.dispose(); await client.compile(ADD)', 'EngineError: '],
  'memory of a device whose client was disposed': [
    'client.dispose(); client.devices[0].memoryStats()',
    'EngineError: ',
  ],
  'a client disposed while it compiles': [
    'const c = client.compile(ADD); try { client.dispose() } finally { await c }',
    'EngineError: .*under way',
  ],
  'a client disposed while it is waited for': [
    'const [y] = large.execute([m, m]); const r = y.read(); try { client.dispose() } finally { await r }',
    'EngineError: .*under way',
  ],
  'a client disposed while a program runs': ['large.execute([m, m]); client.dispose()', ''],
  'buffers of another client': ['add.execute([x, other.upload(four, [4])])', 'EngineError: .*another client'],
  'a buffer on another device': [
    'add.execute([x, client.upload(four, [4], { device: client.devices[1] })])',
    'EngineError: .*argument 1 on cpu:0.*one on cpu:1',
  ],
  'too few arguments': ['add.execute([x])', 'ShapeError: .*expected 2 arguments, got 1'],
  'too many arguments': ['add.execute([x, x, x])', 'ShapeError: .*expected 2 arguments, got 3'],
  'no arguments': ['add.execute([])', 'ShapeError: '],
  'arguments that are no buffers': ['add.execute([x, four])', 'ConfigError: .*argument 1 to be a buffer'],
  'an argument of another shape': [
    'add.execute([x, client.upload(four, [2, 2])])',
    'ShapeError: .*f32\\[4\\], got f32\\[2,2\\]',
  ],
  // XLA takes the bytes as they are, and gives nonsense
  'an argument of another dtype': [
    'add.execute([x, client.upload(new Int32Array(4), [4])])',
    'ShapeError: .*f32\\[4\\], got s32\\[4\\]',
  ],
  'a donated argument used again': ['step.execute([s, t]); step.execute([s, t])', 'EngineError: .*donated'],
  'a donated argument that is given twice': ['step.execute([s, s])', 'EngineError: .*to be no other one'],
  'a donated argument read': ['step.execute([s, t]); await s.read()', 'EngineError: .*donated'],
  'a donated argument disposed': ['step.execute([s, t]); s.dispose()', ''],
  'places to keep that are none': ['step.execute([s, t], { keep: [2] })', 'ConfigError: .*0 to 1'],
  'an upload of too few elements': [
    'client.upload(new Float32Array(2), [4])',
    'ShapeError: .*4 elements for f32\\[4\\], got 2',
  ],
  'an upload of another dtype': ["client.upload(four, [4], { dtype: 's32' })", 'ConfigError: .*Int32Array for s32'],
  'an upload of an unknown dtype': [
    "client.upload(four, [4], { dtype: 'float32' })",
    'ConfigError: .*one of the dtypes',
  ],
  'an upload of an array': ['client.upload([1, 2, 3, 4], [4])', 'ConfigError: .*typed array'],
  'an upload to a negative shape': ['client.upload(four, [-2, -2])', 'ShapeError: .*whole numbers'],
  'an upload with options that are none': [
    'client.upload(four, [4], { type: 1 })',
    'ConfigError: .*dtype, device, lend',
  ],
  'an upload to a device of another client': [
    'client.upload(four, [4], { device: other.devices[0] })',
    'ConfigError: ',
  ],
  'a read into an array that is too small': ['await x.read({ into: new Float32Array(2) })', 'ShapeError: .*4 elements'],
  'a read into an array of another type': ['x.readSync({ into: new Int32Array(4) })', 'ShapeError: .*Float32Array'],
  'a buffer of no elements': [
    'await (await client.compile(EMPTY)).execute([client.upload(new Float32Array(0), [0, 3])])[0].read()',
    '',
  ],
  'a scalar': ['client.upload(Float32Array.of(7), []).readSync()', ''],
  'a program that is none': ["await client.compile('garbage')", 'PjrtError: .*garbage'],
  'an empty program': ["await client.compile('')", 'ConfigError: '],
  'a program of 200,000 parentheses': ["await client.compile('('.repeat(200000))", 'PjrtError: '],
  'a program in bytes that are none': ['await client.compile(new Uint8Array(100))', 'PjrtError: '],
  'options of compile that are none': ['await client.compile(ADD, { replica: 2 })', 'ConfigError: .*replicas'],
  'flags that XLA does not have': [
    'await client.compile(ADD, { flags: { xla_no_such_flag: true } })',
    'PjrtError: .*xla_no_such_flag',
  ],
  'more replicas than devices': ['await client.compile(ADD, { replicas: 3 })', 'PjrtError: '],
  'devices that the client has not': ['await client.compile(ADD, { devices: [7] })', 'ConfigError: .*0, 1'],
  'bytes to load that are no program': ['await client.load(new Uint8Array(100))', 'PjrtError: '],
  'bytes to load that are cut short': ['await client.load(add.serialize().slice(0, 1000))', 'PjrtError: '],
  'nothing to load': ['await client.load(new Uint8Array(0))', 'ConfigError: '],
  'more memory than there is': [
    'const [y] = (await client.compile(TOO_LARGE)).execute([]); await y.ready()',
    'PjrtError: .*RESOURCE_EXHAUSTED',
  ],
  'options that the plugin does not know': ['await plugin.createClient({ bogus: 1 })', 'PjrtError: .*bogus'],
  'options of no type': ['await plugin.createClient({ bogus: {} })', 'ConfigError: '],
  'a library that is not there': ["Plugin.load('/no/such/plugin.so')", 'EngineError: .*cannot be loaded'],
  'a file that is no library': ['Plugin.load(process.argv[1])', 'EngineError: .*cannot be loaded'],
  'a library that is no plugin': [
    'Plugin.load(process.report.getReport().sharedObjects.find((o) => /libc[.-]/.test(o)))',
    'EngineError: .*GetPjrtApi',
  ],
  'an exit while a program runs': ['large.execute([m, m]); process.exit(0)', 'exit'],
  'an exit while a read is waited for': ['large.execute([m, m])[0].read(); process.exit(0)', 'exit'],
  'a worker thread that ends': [
    `const { Worker } = await import('node:worker_threads');
     const code = \`import('\${new URL('./pjrt.mjs', import.meta.url)}').then(async ({ Plugin }) => {
       const c = await Plugin.load('\${plugin.path}').createClient();
       const y = c.upload(Float32Array.of(1), [1]);
       await y.read();
     })\`;
     await new Promise((done, failed) => new Worker(code, { eval: true }).on('exit', done).on('error', failed));`,
    '',
  ],
};

describe.skipIf(!cpuPlugin)(`misuse${reason}`, () => {
  let child: Awaited<ReturnType<typeof childRunner>>;
  beforeAll(async () => {
    child = await childRunner();
  });
  afterAll(() => child.remove());

  it.each(Object.entries(CASES))('%s', (_, [work, error]) => {
    const { status, signal, output } = child.run(`
      import { Plugin } from '@diptych/pjrt';
      const [ADD, EMPTY, TOO_LARGE] = ${JSON.stringify([ADD, identity('tensor<0x3xf32>'), TOO_LARGE])};
      const plugin = Plugin.load(${JSON.stringify(cpuPlugin)});
      const client = await plugin.createClient({ cpu_device_count: 2 });
      const other = await plugin.createClient({ cpu_device_count: 1 });
      const add = await client.compile(ADD);
      const step = await client.compile(${JSON.stringify(STEP)});
      const large = await client.compile(${JSON.stringify(product(1000))});
      const four = Float32Array.of(1, 2, 3, 4);
      const x = client.upload(four, [4]);
      const [s, t] = [1, 2].map((value) => client.upload(new Float32Array(6).fill(value), [2, 3]));
      const m = client.upload(new Float32Array(1e6).fill(1e-3), [1000, 1000]);
      try {
        ${work};
      } catch (error) {
        console.log(String(error));
      }
      // the client, or another one, still works
      const after = await plugin.createClient({ cpu_device_count: 1 });
      const again = await after.compile(ADD);
      const y = after.upload(four, [4]);
      console.log('alive', await again.execute([y, y])[0].read());
    `);
    expect({ signal, status, output }).toMatchObject({ signal: null, status: 0 });
    if (error === 'exit') return;
    expect(output).toMatch(error === '' ? /^alive/ : new RegExp(`^(?:\\w+: )?${error}`, 's'));
    expect(output).toMatch(/alive Float32Array\(4\) \[ 2, 4, 6, 8 \]/);
  });
});
