import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Matrix } from '@diptych/core';
import { describe, expect, it } from 'vitest';
import { accuracy, auroc, macroF1, r2 } from './index.js';

interface Fixtures {
  readonly classes: {
    readonly labels: number[];
    readonly predicted: number[];
    readonly odd: number[];
    readonly probabilities: number[][];
    readonly accuracy: number;
    readonly macroF1: number;
    readonly oddMacroF1: number;
    readonly auroc: number;
  };
  readonly binary: { readonly labels: number[]; readonly scores: number[]; readonly auroc: number };
  readonly many: {
    readonly labels: number[][];
    readonly predicted: number[][];
    readonly scores: number[][];
    readonly accuracy: number;
    readonly macroF1: number;
    readonly auroc: number;
  };
  readonly numbers: {
    readonly targets: number[][];
    readonly predicted: number[][];
    readonly r2: number;
    readonly first: number;
    readonly constant: number;
  };
}

/** Made by scikit-learn: reference/gen_labels.py. */
const { classes, binary, many, numbers } = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '__fixtures__/labels.json'), 'utf8'),
) as Fixtures;

const matrix = (values: readonly (readonly number[])[]) =>
  new Matrix(Float32Array.from(values.flat()), [values.length, values[0]!.length]);

describe('metrics of labels are those of scikit-learn', () => {
  it('accuracy', () => {
    expect(accuracy(classes.predicted, classes.labels)).toBeCloseTo(classes.accuracy, 12);
    expect(accuracy(matrix(many.predicted), matrix(many.labels))).toBeCloseTo(many.accuracy, 12);
    expect(accuracy([], [])).toBeNaN();
  });

  it('macro F1, also over classes that are never right or never predicted', () => {
    expect(macroF1(classes.predicted, classes.labels)).toBeCloseTo(classes.macroF1, 12);
    expect(macroF1(classes.odd, classes.labels)).toBeCloseTo(classes.oddMacroF1, 12);
    expect(macroF1(matrix(many.predicted), matrix(many.labels))).toBeCloseTo(many.macroF1, 12);
  });

  it('AUROC with ties: binary, one against the rest, several labels', () => {
    expect(auroc(binary.scores, binary.labels)).toBeCloseTo(binary.auroc, 12);
    expect(auroc(matrix(classes.probabilities), classes.labels)).toBeCloseTo(classes.auroc, 12);
    expect(auroc(matrix(many.scores), matrix(many.labels))).toBeCloseTo(many.auroc, 12);
    expect(auroc([0.1, 0.2], [1, 1])).toBeNaN();
  });

  it('R2, of a constant column too', () => {
    const { targets, predicted } = numbers;
    expect(r2(matrix(predicted), matrix(targets))).toBeCloseTo(numbers.r2, 5);
    const [first, constant] = [0, 2].map((c) => targets.map((row) => row[c]!));
    expect(
      r2(
        predicted.map((row) => row[0]!),
        first!,
      ),
    ).toBeCloseTo(numbers.first, 12);
    expect(r2(constant!, constant!)).toBe(numbers.constant);
  });

  it('refuse what does not fit', () => {
    expect(() => accuracy([1, 2], [1])).toThrow(/shape \[2\]/);
    expect(() => macroF1(matrix([[1, 0]]), [1])).toThrow(/expected labels that fit predictions of shape \[1,2\]/);
    expect(() => auroc(matrix([[1, 0]]), matrix([[1]]))).toThrow(/got shape \[1,1\]/);
    expect(() => r2({ data: new Float32Array(3), shape: [2, 2] }, [1, 2])).toThrow(/the predictions/);
  });
});
