// Programs on a real plugin: the CPU's.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childRunner } from '../test/child';
import { cpuPlugin, reason } from '../test/cpu-plugin';
import { ADD, ALL_REDUCE, identity, product, STEP, TOO_LARGE } from '../test/programs';
import { type Client, Device, type Dtype, Event, type HostArray, isPjrtError, Plugin } from './index';

describe.skipIf(!cpuPlugin)(`XLA on the CPU${reason}`, () => {
  let plugin: Plugin;
  let client: Client;
  beforeAll(async () => {
    plugin = Plugin.load(cpuPlugin!);
    client = await plugin.createClient({ cpu_device_count: 2 });
  });
  afterAll(() => client?.dispose());

  it('says what it is', () => {
    expect(Plugin.load(cpuPlugin!)).toBe(plugin);
    expect(plugin.apiVersion.minor).toBeGreaterThan(60);
    expect(plugin.attributes().stablehlo_current_version).toHaveLength(3);
    expect(client.platform).toBe('cpu');
    expect(client.devices.map(({ id, kind }) => [id, kind])).toEqual([
      [0, 'cpu'],
      [1, 'cpu'],
    ]);
    expect(client.devices[0]).toBeInstanceOf(Device);
    // the host's memory is nobody's to count
    expect(client.devices[0]!.memoryStats()).toBeUndefined();
  });

  it('compiles and runs a program, whose outputs are told before their values are there', async () => {
    const add = await client.compile(ADD);
    const [a, b] = [Float32Array.of(1, 2, 3, 4), Float32Array.of(10, 20, 30, 40)].map((x) => client.upload(x, [4]));
    const [sum] = add.execute([a!, b!]);
    expect([sum!.dtype, sum!.shape, sum!.size, sum!.bytesOnDevice]).toEqual(['f32', [4], 4, 16]);
    await sum!.ready();
    expect(await sum!.read()).toEqual(Float32Array.of(11, 22, 33, 44));
    const into = new Float32Array(4);
    expect(sum!.readSync({ into })).toBe(into);
    expect(into[3]).toBe(44);
    for (const one of [add, a!, b!, sum!]) one.dispose();
  });

  it('lets the array change once it is uploaded', async () => {
    const values = Float32Array.of(1, 2);
    const buffer = client.upload(values, [2]);
    values.fill(9);
    expect(await buffer.read()).toEqual(Float32Array.of(1, 2));
    buffer.dispose();
  });

  const VALUES: [Dtype, string, HostArray][] = [
    ['pred', 'i1', Uint8Array.of(1, 0)],
    ['s8', 'i8', Int8Array.of(-1, 2)],
    ['s16', 'i16', Int16Array.of(-1, 2)],
    ['s32', 'i32', Int32Array.of(-1, 2)],
    ['s64', 'i64', BigInt64Array.of(-1n, 2n)],
    ['u8', 'ui8', Uint8Array.of(255, 2)],
    ['u16', 'ui16', Uint16Array.of(65535, 2)],
    ['u32', 'ui32', Uint32Array.of(2 ** 32 - 1, 2)],
    ['u64', 'ui64', BigUint64Array.of(2n ** 64n - 1n, 2n)],
    ['f16', 'f16', Uint16Array.of(0x3c00, 0xc000)],
    ['bf16', 'bf16', Uint16Array.of(0x3f80, 0xc000)],
    ['f32', 'f32', Float32Array.of(0.5, -1)],
    ['f64', 'f64', Float64Array.of(0.5, -1)],
    ['c64', 'complex<f32>', Float32Array.of(1, 2, 3, 4)],
    ['c128', 'complex<f64>', Float64Array.of(1, 2, 3, 4)],
  ];

  it.each(VALUES)('carries %s', async (dtype, type, values) => {
    const program = await client.compile(identity(`tensor<2x${type}>`));
    const buffer = client.upload(values, [2], { dtype });
    const [output] = program.execute([buffer]);
    expect(program.inputs).toEqual([{ dtype, shape: [2], isDonated: false }]);
    expect(program.outputs).toEqual([{ dtype, shape: [2] }]);
    expect(await output!.read()).toEqual(values);
    for (const one of [program, buffer, output!]) one.dispose();
  });

  it('reads lent arrays while the program goes on', async () => {
    const own = await plugin.createClient({ cpu_device_count: 1 });
    const buffers = Array.from({ length: 8 }, (_, i) =>
      own.upload(new Float32Array(1 << 20).fill(i), [1 << 20], { lend: true }),
    );
    await Promise.all(buffers.map((buffer) => buffer.ready()));
    for (const [i, buffer] of buffers.entries()) expect((await buffer.read()).at(-1)).toBe(i);
    const values = new Float32Array(4).fill(1);
    const lent = own.upload(values, [4], { lend: true });
    await lent.ready();
    values.fill(2);
    expect(lent.readSync()).toEqual(new Float32Array(4).fill(1));
    // on its way still, perhaps
    own.upload(new Float32Array(1 << 22), [1 << 22], { lend: true });
    own.dispose();
  });

  it('reads and writes parts of arrays, and shared ones', async () => {
    const part = Float32Array.of(0, 0, 0, 1, 2).subarray(3);
    const shared = new Float32Array(new SharedArrayBuffer(8));
    shared.set([3, 4]);
    const buffers = [part, shared].map((values) => client.upload(values, [2]));
    const into = new Float32Array(6);
    await buffers[0]!.read({ into: into.subarray(1, 3) });
    buffers[1]!.readSync({ into: into.subarray(4) });
    expect(into).toEqual(Float32Array.of(0, 1, 2, 0, 3, 4));
    for (const one of buffers) one.dispose();
  });

  it('writes donated state in place, step after step, or keeps it', async () => {
    const step = await client.compile(STEP);
    expect(step.inputs).toEqual([
      { dtype: 'f32', shape: [2, 3], isDonated: true },
      { dtype: 'f32', shape: [2, 3], isDonated: false },
    ]);
    expect(step.memory()).toMatchObject({ inputs: 48, aliased: 24 });
    const ones = client.upload(new Float32Array(6).fill(1), [2, 3]);
    let state = client.upload(new Float32Array(6), [2, 3]);
    for (let i = 1; i <= 100; i++) {
      const [next, sum] = step.execute([state, ones]);
      expect(state.isLive).toBe(false);
      state = next!;
      expect(sum!.readSync()[0]).toBe(6 * i);
      sum!.dispose();
    }
    const [other, sum] = step.execute([state, state], { keep: [0] });
    expect([state.isLive, (await state.read())[0], (await other!.read())[0]]).toEqual([true, 100, 200]);
    for (const one of [step, ones, state, other!, sum!]) one.dispose();
  });

  it('runs while the event loop goes on', async () => {
    const side = 1500;
    const multiply = await client.compile(product(side));
    const x = client.upload(new Float32Array(side * side).fill(1 / side), [side, side]);
    const start = performance.now();
    const chain = [x];
    for (let i = 0; i < 6; i++) chain.push(multiply.execute([chain.at(-1)!, x])[0]!);
    const last = chain.at(-1)!;
    const enqueued = performance.now() - start;
    const event = last.readyEvent();
    expect(event).toBeInstanceOf(Event);
    expect(event.isReady).toBe(false);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 2);
    const values = await last.read();
    clearInterval(timer);
    const whole = performance.now() - start;
    expect(values[0]).toBeCloseTo(1 / side, 7);
    // no timed assertion: that much stood still would be no tick at all
    expect(ticks).toBeGreaterThan(5);
    expect(enqueued).toBeLessThan(whole);
    await event.wait();
    expect(event.isReady).toBe(true);
    for (const one of [multiply, ...chain]) one.dispose();
  });

  it('waits for many events at once, on two threads', async () => {
    const add = await client.compile(ADD);
    const x = client.upload(new Float32Array(4).fill(1), [4]);
    const outputs = Array.from({ length: 200 }, () => add.execute([x, x])[0]!);
    const values = await Promise.all(outputs.map((output) => output.read()));
    expect(values.every((value) => value[0] === 2)).toBe(true);
    for (const one of [add, x, ...outputs]) one.dispose();
  });

  it('tells errors by their status', async () => {
    const failed = await client.compile('func.func @main() { return }}').catch((error: unknown) => error);
    expect(isPjrtError(failed)).toBe(true);
    const large = await client.compile(TOO_LARGE);
    const late = await (async () => large.execute([])[0]!.ready())().catch((error: unknown) => error);
    expect(isPjrtError(late, 'RESOURCE_EXHAUSTED')).toBe(true);
    expect(late).toMatchObject({ code: 'engine', remedy: expect.stringContaining('dispose') });
    large.dispose();
  });

  it('adds over two devices, with events', async () => {
    const sum = await client.compile(ALL_REDUCE, { replicas: 2 });
    expect(sum.devices).toEqual(client.devices);
    const args = client.devices.map((device, i) => {
      return [
        client.upload(
          Float32Array.of(1, 2, 3, 4).map((v) => v * 10 ** i),
          [4],
          { device },
        ),
      ];
    });
    const { outputs, done } = sum.launch(args);
    await Promise.all(done.map((event) => event.wait()));
    for (const [output] of outputs) expect(await output!.read()).toEqual(Float32Array.of(11, 22, 33, 44));
    expect(outputs.map(([output]) => output!.device.id)).toEqual([0, 1]);
    expect(() => sum.execute(args[0]!)).toThrow(/arguments of 2 devices.*launch/);
    for (const one of [sum, ...args.flat(), ...outputs.flat()]) one.dispose();
  });

  it('runs on the device that is asked for', async () => {
    const add = await client.compile(ADD, { devices: [1] });
    const [, second] = client.devices;
    const x = client.upload(new Float32Array(4).fill(1), [4], { device: second! });
    const [y] = add.execute([x, x]);
    expect([y!.device, (await y!.read())[0]]).toEqual([second, 2]);
    for (const one of [add, x, y!]) one.dispose();
  });

  it('takes flags of XLA for one program', async () => {
    const add = await client.compile(ADD, {
      flags: { xla_cpu_enable_fast_math: true, xla_backend_optimization_level: 0 },
    });
    expect(add.optimizedProgram().code.length).toBeGreaterThan(100);
    add.dispose();
  });

  it('loads in another process what it serialised', async () => {
    const step = await client.compile(STEP);
    const bytes = globalThis.Buffer.from(step.serialize()).toString('base64');
    step.dispose();
    const child = await childRunner();
    try {
      const { status, output } = child.run(`
        import { Plugin } from '@diptych/pjrt';
        const client = await Plugin.load(${JSON.stringify(cpuPlugin)}).createClient();
        const step = await client.load(Buffer.from('${bytes}', 'base64'));
        const [a, b] = [1, 2].map((value) => client.upload(new Float32Array(6).fill(value), [2, 3]));
        const [, sum] = step.execute([a, b]);
        console.log(a.isLive, await sum.read());
      `);
      expect({ status, output }).toEqual({ status: 0, output: 'false Float32Array(1) [ 18 ]\n' });
    } finally {
      child.remove();
    }
  });

  it('keeps its memory flat over 10,000 steps, and says once what was not disposed', async () => {
    const child = await childRunner();
    try {
      const { status, output } = child.run(
        `
        import { Plugin } from '@diptych/pjrt';
        const client = await Plugin.load(${JSON.stringify(cpuPlugin)}).createClient();
        const step = await client.compile(${JSON.stringify(STEP.replaceAll('2x3', '256x256'))});
        const ones = client.upload(new Float32Array(65536).fill(1), [256, 256]);
        let state = client.upload(new Float32Array(65536), [256, 256]);
        const steps = async (count) => {
          for (let i = 0; i < count; i++) {
            const [next, sum] = step.execute([state, ones]);
            state = next;
            if (i % 100 === 0) await sum.read();
            sum.dispose();
          }
          await state.ready();
          for (let i = 0; i < 3; i++) { gc(); await new Promise(setImmediate); }
          return process.memoryUsage().rss / 2 ** 20;
        };
        const before = await steps(2000);
        const after = await steps(10000);
        console.log(JSON.stringify({ before, after, value: (await state.read())[0] }));
        const warned = [];
        process.on('warning', ({ code }) => warned.push(code));
        for (let i = 0; i < 100; i++) client.upload(new Float32Array(4), [4]);
        for (let i = 0; i < 5; i++) { gc(); await new Promise((done) => setTimeout(done, 20)); }
        console.log(JSON.stringify(warned));
      `,
        ['--expose-gc'],
      );
      const [memory, warned] = output
        .split('\n')
        .filter((line) => /^[[{]/.test(line))
        .map((line) => JSON.parse(line));
      expect({ status, ...memory }).toMatchObject({ status: 0, value: 12_000 });
      // 2.5 GB of outputs went by
      expect(memory.after - memory.before).toBeLessThan(20);
      expect(warned).toEqual(['DIPTYCH_PJRT_LEAK']);
    } finally {
      child.remove();
    }
  });
});
