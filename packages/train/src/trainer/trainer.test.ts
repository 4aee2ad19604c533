import '@tensorflow/tfjs-backend-cpu';
import { type FusedOutputs, isDiptychError, type PairBatch } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import { stateDict } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { sourceOf, TinyImageEncoder, TinyTextEncoder, tinyBatches } from '../../test/tiny-model.js';
import { checkBatch } from '../batches/check-batch.js';
import {
  AdamW,
  flatMetrics,
  ImageTextMatching,
  InfoNCE,
  MultiModalEncoder,
  SigLIP,
  StepRunner,
  Trainer,
  type TrainerOptions,
  type TrainingEvent,
  WeightedSum,
  warmupCosine,
} from '../index.js';

beforeAll(() => tf.setBackend('cpu'));

function newModel() {
  return new MultiModalEncoder({
    image: new TinyImageEncoder({ batchNorm: true }),
    text: new TinyTextEncoder(),
    fusion: new AttentionFusion({ embedDim: 8, numHeads: 2, dropout: 0.1, normalize: true }),
  });
}

function newTrainer(model = newModel(), options: Partial<TrainerOptions<FusedOutputs>> = {}) {
  return new Trainer(model, {
    loss: new WeightedSum([
      { name: 'contrastive', loss: new InfoNCE() },
      { name: 'matching', loss: new ImageTextMatching(), weight: 0.5 },
    ]),
    optimizer: new AdamW({ learningRate: 1e-2, groups: { matcher: { learningRate: 4e-2 } } }),
    schedule: warmupCosine({ total: 40, warmup: 4 }),
    clipNorm: 5,
    ...options,
  });
}

describe('Trainer.fit', () => {
  it('learns, reports each step, and gives the same losses from the same seed', async () => {
    const run = async () => {
      const trainer = newTrainer();
      const losses: number[] = [];
      const result = await trainer.fit(sourceOf(tinyBatches(2, 6)), {
        steps: 40,
        onStep: (report) => {
          losses.push(report.loss);
          expect(Object.keys(report.parts)).toEqual([
            'contrastive',
            'contrastive.scale',
            'matching',
            'matching.matchingAccuracy',
          ]);
          expect(Object.keys(report.towerGradNorms)).toEqual(['logit_scale', 'image', 'text', 'fusion', 'matcher']);
        },
      });
      expect(result).toMatchObject({ stopped: 'done', steps: 40, epochs: 20 });
      return losses;
    };
    const first = await run();
    expect(first.slice(-4).reduce((a, b) => a + b) / 4).toBeLessThan(0.75 * first[0]!);
    expect(await run()).toEqual(first);
  });

  it('keeps no tensors', async () => {
    const trainer = newTrainer();
    await trainer.fit(sourceOf(tinyBatches(2, 6)), { steps: 1 });
    const before = tf.memory().numTensors;
    await trainer.fit(sourceOf(tinyBatches(2, 6)), { steps: 5 });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('the branches', () => {
  const state = async (model: ReturnType<typeof newModel>) =>
    new Map([...(await stateDict(model))].map(([name, { data }]) => [name, [...data]]));

  it('freeze and thaw by schedule, running statistics with them', async () => {
    const model = newModel();
    const start = await state(model);
    const trainer = newTrainer(model, {
      freeze: [
        { match: 'image', untilStep: 3 },
        { match: 'text.embeddings', fromStep: 3 },
      ],
    });
    const moved = (now: Map<string, number[]>, name: string) =>
      now.get(name)!.some((v, i) => v !== start.get(name)![i]);
    await trainer.fit(sourceOf(tinyBatches(2, 6)), { steps: 3 });
    const frozen = await state(model);
    for (const name of start.keys()) {
      if (name.startsWith('image.')) expect(moved(frozen, name), name).toBe(false);
    }
    expect(moved(frozen, 'text.embeddings.weight')).toBe(true);
    await trainer.fit(sourceOf(tinyBatches(2, 6)), { steps: 6 });
    const thawed = await state(model);
    expect(moved(thawed, 'image.conv.weight')).toBe(true);
    expect(moved(thawed, 'image.bn.running_mean')).toBe(true);
    expect(thawed.get('text.embeddings.weight')).toEqual(frozen.get('text.embeddings.weight'));
    expect(() => newTrainer(newModel(), { freeze: [{ match: 'imgae' }] })).toThrow(/got imgae; did you mean image\?/);
    expect(() => newTrainer(newModel(), { freeze: [{ match: 'text', fromStep: 5, untilStep: 5 }] })).toThrow(/before/);
  });

  it('report how far each moves, and a warning when one stands still', async () => {
    const optimizer = new AdamW({ learningRate: 1e-2, groups: { text: { learningRate: 1e-7 } } });
    const trainer = newTrainer(newModel(), { optimizer, rhythmEvery: 1 });
    const ratios: unknown[] = [];
    const events: TrainingEvent[] = [];
    await trainer.fit(sourceOf(tinyBatches(2, 6)), {
      steps: 6,
      onStep: ({ updateRatios, learningRates }) => {
        ratios.push(updateRatios);
        expect(learningRates.image! / learningRates.text!).toBeCloseTo(1e5, -1);
      },
      onEvent: (event) => {
        events.push(event);
      },
    });
    for (const ratio of ratios as { image: number; text: number }[]) {
      expect(ratio.image).toBeGreaterThan(1e-4);
      expect(ratio.text).toBeLessThan(1e-5);
    }
    expect(events).toMatchObject([{ kind: 'warning', message: expect.stringMatching(/text tower hardly learns/) }]);
  });
});

describe('averaged weights', () => {
  /** Trains, follows a variable's average by hand, and compares: averages stand in for the trained ones while something runs. */
  async function requireAverage(trainer: ReturnType<typeof newTrainer>, variable: tf.Variable, decay: number) {
    let average = [...variable.dataSync()];
    await trainer.fit(sourceOf(tinyBatches(2, 6)), {
      steps: 5,
      onStep: ({ step }) => {
        const d = Math.min(decay, (1 + step) / (10 + step));
        average = average.map((value, i) => d * value + (1 - d) * variable.dataSync()[i]!);
      },
    });
    const trained = [...variable.dataSync()];
    await trainer.withAverages(() => {
      for (const [i, value] of variable.dataSync().entries()) expect(value).toBeCloseTo(average[i]!, 5);
    });
    expect([...variable.dataSync()]).toEqual(trained);
  }

  it('bring the averaged running statistics with them', async () => {
    const model = newModel();
    const trainer = newTrainer(model, { ema: { decay: 0.9 } });
    const [, mean] = [...model.namedBuffers()].find(([name]) => name.endsWith('running_mean'))!;
    await requireAverage(trainer, mean, 0.9);
    const { tensors } = await trainer.snapshot();
    expect(tensors.ema!.size).toBe(tensors.model!.size);
  });

  it('resume from a checkpoint of before the statistics were averaged', async () => {
    const trainer = newTrainer(newModel(), { ema: { decay: 0.9 } });
    await trainer.fit(sourceOf(tinyBatches(2, 6)), { steps: 3 });
    const snapshot = await trainer.snapshot();
    const old = new Map([...snapshot.tensors.ema!].filter(([name]) => !name.includes('running_')));
    const next = newTrainer(newModel(), { ema: { decay: 0.9 } });
    next.restore({ ...snapshot, tensors: { ...snapshot.tensors, ema: old } });
    const { tensors } = await next.snapshot();
    for (const [name, { data }] of tensors.ema!) {
      expect(data, name).toEqual((old.get(name) ?? snapshot.tensors.model!.get(name))!.data);
    }
  });

  it('follow the parameters, and stand in for them while something runs', async () => {
    const model = newModel();
    const trainer = newTrainer(model, { ema: { decay: 0.5 } });
    const name = 'text.fc.weight';
    const variable = [...model.namedParameters()].find(([key]) => key === name)![1];
    await requireAverage(trainer, variable, 0.5);
    await expect(newTrainer().withAverages(() => 0)).rejects.toThrow(/no `ema`/);
    expect(() => newTrainer(newModel(), { ema: { decay: 1 } })).toThrow(/\(0, 1\)/);
  });
});

describe('validation', () => {
  it('ends the run when nothing gets better', async () => {
    const values = [0.1, 0.3, 0.2, 0.3, 0.1, 0.9];
    let run = 0;
    const result = await newTrainer().fit(sourceOf(tinyBatches(2, 6)), {
      epochs: 10,
      validate: { run: () => ({ recall: values[run++]! }), monitor: 'recall', patience: 3 },
    });
    expect(result).toMatchObject({ stopped: 'early', epochs: 5 });
    const wrong = newTrainer().fit(sourceOf(tinyBatches(2, 6)), {
      epochs: 1,
      validate: { run: () => ({ recall: 1 }), monitor: 'precision' },
    });
    await expect(wrong).rejects.toThrow(/one of recall, got precision/);
  });

  it('embeds, all pairs or the first', async () => {
    const trainer = newTrainer();
    const all = await trainer.embed(sourceOf(tinyBatches(2, 6)));
    expect(all.ids).toHaveLength(12);
    expect(all.image.shape).toEqual([12, 8]);
    expect(Math.hypot(...all.text.data.subarray(0, 8))).toBeCloseTo(1, 5);
    const some = await trainer.embed(sourceOf(tinyBatches(2, 6)), { pairs: 7, normalize: false });
    expect(some.ids).toEqual(all.ids.slice(0, 7));
    expect(some.text.data).toHaveLength(7 * 8);
  });

  it('scores both towers', async () => {
    const trainer = newTrainer();
    const before = await trainer.evaluate(sourceOf(tinyBatches(2, 6)));
    await trainer.fit(sourceOf(tinyBatches(2, 6)), { steps: 40 });
    const after = await trainer.evaluate(sourceOf(tinyBatches(2, 6)));
    expect(after.textToImage.mrr).toBeGreaterThan(before.textToImage.mrr);
    expect(after.towers.image.uniformity).toBeLessThan(0);
    expect(flatMetrics(after)['textToImage.recall@1']).toBe(after.textToImage['recall@1']);
  });
});

describe('a loop by hand', () => {
  it('does the steps of the Trainer', async () => {
    const batches = tinyBatches(2, 6);
    const wanted: number[] = [];
    await newTrainer().fit(batches, {
      steps: 4,
      onStep: ({ loss }) => {
        wanted.push(loss);
      },
    });
    const { loss, schedule, clipNorm } = newTrainer().options;
    const optimizer = new AdamW({ learningRate: 1e-2, groups: { matcher: { learningRate: 4e-2 } } });
    const runner = new StepRunner({ model: newModel(), loss, optimizer, clipNorm });
    const losses: number[] = [];
    for (let step = 0; step < 4; step++) {
      losses.push((await runner.run(batches[step % 2]!, { step, factor: schedule!(step) })).loss);
    }
    runner.dispose();
    expect(losses).toEqual(wanted);
  });

  it('scores held-out pairs, and says which are found best and worst', async () => {
    const events: TrainingEvent[] = [];
    await newTrainer().fit(tinyBatches(1, 4), {
      epochs: 1,
      validate: { retrieval: { heldOut: sourceOf(tinyBatches(2, 6)), count: 3, found: 2 }, monitor: 'textToImage.mrr' },
      onEvent: (event) => {
        events.push(event);
      },
    });
    const [validation, examples] = events.filter(({ kind }) => kind === 'validation' || kind === 'examples');
    expect(validation).toMatchObject({ step: 1, metrics: { 'imageToText.candidates': 12 } });
    if (examples?.kind !== 'examples') throw new Error('no examples');
    expect(examples).toMatchObject({ step: 1, of: 12 });
    expect(examples.followed.map(({ row }) => row)).toEqual([0, 4, 8]);
    expect(examples.followed[0]!.found).toHaveLength(2);
    const wrong = newTrainer().fit(tinyBatches(1, 4), { epochs: 1, validate: { retrieval: {} as never } });
    await expect(wrong).rejects.toThrow(/heldOut/);
  });

  it('may watch the towers in its own way', async () => {
    const events: TrainingEvent[] = [];
    const measure = async () => ({ metrics: { gap: 1 }, warnings: ['look at this'] });
    await newTrainer().fit(tinyBatches(1, 4), {
      epochs: 1,
      validate: { towers: { measure } },
      onEvent: (event) => {
        events.push(event);
      },
    });
    expect(events).toEqual([
      { kind: 'warning', message: 'look at this' },
      { kind: 'validation', step: 1, metrics: { 'towers.gap': 1 } },
    ]);
  });
});

describe('what the loss does not read', () => {
  const contrast = (options: Partial<TrainerOptions<FusedOutputs>> = {}) =>
    newTrainer(newModel(), { loss: new InfoNCE(), optimizer: new AdamW(), schedule: undefined, ...options });
  const run = async (trainer: ReturnType<typeof newTrainer>, steps = 2) => {
    const events: TrainingEvent[] = [];
    await trainer.fit(sourceOf(tinyBatches(2, 6)), {
      steps,
      onEvent: (event) => {
        events.push(event);
      },
    });
    return events;
  };

  it('is an error of the first step that names the part and the remedy', async () => {
    await expect(run(contrast())).rejects.toThrow(
      /step 1: .*none for fusion\w* \(4 parameters: in_proj_weight, …\), matcher \(weight, bias\).*ImageTextMatching.*freeze: \[/,
    );
  });

  it('is a warning where that is asked for', async () => {
    const events = await run(contrast({ unusedParameters: 'warn' }));
    expect(events).toMatchObject([{ kind: 'warning', message: expect.stringMatching(/no gradient for fusion/) }]);
  });

  it('may be frozen, which the log says; and is an error once it trains again', async () => {
    const freeze = [{ match: 'fusion', untilStep: 3 }, { match: 'matcher' }];
    const trainer = contrast({ freeze });
    expect(await run(trainer, 3)).toEqual([
      { kind: 'frozen', step: 0, parts: [expect.stringMatching(/^fusion/), 'matcher'] },
    ]);
    await expect(run(trainer, 4)).rejects.toThrow(/step 4: .*none for fusion/);
  });

  it('is no mistake in a temperature or a bias that the loss replaces', async () => {
    const model = new MultiModalEncoder({ image: new TinyImageEncoder(), text: new TinyTextEncoder(), logitBias: -10 });
    const trainer = new Trainer(model, { loss: new InfoNCE({ temperature: 0.07 }) });
    await trainer.fit(tinyBatches(1, 4), { steps: 1 });
  });

  it('of the model is refused by the constructor', () => {
    const towers = new MultiModalEncoder({ image: new TinyImageEncoder(), text: new TinyTextEncoder() });
    const loss = new WeightedSum([{ name: 'matching', loss: new ImageTextMatching() }]) as unknown as InfoNCE;
    expect(() => new Trainer(towers, { loss })).toThrow(
      /WeightedSum: expected a model with .*matcher, got one without; build/,
    );
    expect(() => new Trainer(towers, { loss: new SigLIP() })).toThrow(/SigLIP: .*logitBias.*-10/);
    expect(() => new Trainer(towers, {} as { loss: InfoNCE })).toThrow(/expected the option loss, got none/);
  });
});

describe('a batch that does not fit', () => {
  const [good] = tinyBatches(1, 4) as [PairBatch];
  const fit = (batch: unknown) => newTrainer().fit([batch as PairBatch], { steps: 1 });

  it.each([
    ['ids', { ...good, ids: ['a'] }, /4 rows .*1 in ids/],
    ['size', { ...good, size: 3 }, /3 rows .*4 in pixels, 4 in tokens, 4 in ids/],
    ['pixels', { ...good, pixels: { ...good.pixels, data: good.pixels.data.slice(1) } }, /pixels/],
    ['tokens', { ...good, tokens: { ...good.tokens, attentionMask: new Int32Array(3) } }, /attentionMask/],
    ['nothing', undefined, /a batch \{ size, pixels, tokens, ids \}/],
    ['something else', { size: 4 }, /at least one pair/],
  ])('by its %s is refused', async (_, batch, message) => {
    await expect(fit(batch)).rejects.toSatisfy((error) => isDiptychError(error) && message.test(error.message));
  });

  it('by its token ids is refused', () => {
    const tokens = { ...good.tokens, inputIds: good.tokens.inputIds.with(5, 20) };
    const check = () => checkBatch({ ...good, tokens }, 'here', 20);
    expect(check).toThrow(/here: tokens\.inputIds: expected ids from 0 to 19, .* got 20; .*vocabSize/);
    expect(() => checkBatch({ ...good, tokens }, 'here', 21)).not.toThrow();
  });
});

describe('fit refuses', () => {
  it('what is no source, and no options', async () => {
    const fit = (...args: unknown[]) => (newTrainer().fit as (...args: unknown[]) => Promise<unknown>)(...args);
    await expect(fit(sourceOf([]))).rejects.toThrow(/expected an object of options/);
    await expect(fit(undefined, { steps: 1 })).rejects.toThrow(/source: .*got undefined/);
    await expect(fit(new Set(tinyBatches(1, 4)), { steps: 1 })).rejects.toThrow(/read once; \{ epoch/);
  });

  it('no end, two at a time, an empty source, a chunk of nothing', async () => {
    const trainer = newTrainer();
    await expect(trainer.fit(sourceOf([]), {})).rejects.toThrow(/no end/);
    await expect(trainer.fit(sourceOf([]), { steps: 1 })).rejects.toThrow(/at least one batch.*batchSize/);
    const running = trainer.fit(sourceOf(tinyBatches(1, 4)), { steps: 2 });
    await expect(trainer.fit(sourceOf(tinyBatches(1, 4)), { steps: 1 })).rejects.toThrow(/training already/);
    await running;
    expect(() => newTrainer(newModel(), { chunkSize: 0.5 })).toThrow(/chunkSize/);
  });
});
