import { describe, expect, it } from 'vitest';
import type { OnnxGraph, OnnxNode } from '../onnx/index.js';
import { planOverwrites } from './overwrites.js';

const node = (opType: string, inputs: string, output: string): OnnxNode => ({
  opType,
  inputs: inputs.split(' '),
  outputs: [output],
  attributes: {},
});

const graphOf = (...nodes: OnnxNode[]): OnnxGraph => ({
  nodes,
  inputs: [],
  outputs: ['next', 'other'].map((name) => ({ name, dtype: 'float32' as const, shape: [4] })),
  initializers: [],
});

const plan = (...nodes: OnnxNode[]) => planOverwrites(graphOf(...nodes), [{ input: 'p', output: 'next' }]);
const isPossible = (...nodes: OnnxNode[]) => plan(...nodes).overwrites.length === 1;

describe('planOverwrites', () => {
  it('allows what reads the input element by element, last', () => {
    expect(isPossible(node('Mul', 'p decay', 'shrunk'), node('Sub', 'shrunk step', 'next'))).toBe(true);
    expect(isPossible(node('MatMul', 'x p', 'y'), node('Relu', 'y', 'step'), node('Sub', 'p step', 'next'))).toBe(true);
    expect(isPossible(node('MatMul', 'p p', 'next'))).toBe(false);
    expect(isPossible(node('Relu', 'x', 'next'))).toBe(true);
  });

  it('refuses where a reader may come later, also of the memory under another shape', () => {
    expect(isPossible(node('Sub', 'p step', 'next'), node('Mul', 'p next', 'other'))).toBe(false);
    expect(isPossible(node('Mul', 'p x', 'other'), node('Sub', 'p step', 'next'))).toBe(false);
    expect(
      isPossible(node('Reshape', 'p shape', 'flat'), node('Mul', 'flat x', 'other'), node('Sub', 'p step', 'next')),
    ).toBe(false);
    expect(isPossible(node('Reshape', 'p shape', 'other'), node('Sub', 'p step', 'next'))).toBe(false);
  });

  it('refuses where the run may end with an error afterwards', () => {
    expect(isPossible(node('Gather', 'table ids', 'other'), node('Sub', 'p step', 'next'))).toBe(false);
    expect(isPossible(node('Gather', 'table ids', 'step'), node('Sub', 'p step', 'next'))).toBe(true);
  });

  it('has a selection wait for readers that it does not depend on', () => {
    const { graph, overwrites } = plan(
      node('Mul', 'p x', 'other'),
      node('Sub', 'p step', 'moved'),
      node('Where', 'healthy moved p', 'next'),
    );
    expect(overwrites).toHaveLength(1);
    expect(graph.nodes.map(({ opType }) => opType)).toEqual(['Mul', 'Sub', 'Size', 'Cast', 'And', 'Where']);
    expect(graph.nodes[2]!.inputs).toEqual(['other']);
    expect(graph.nodes.at(-1)!.inputs).toEqual([graph.nodes[4]!.outputs[0], 'moved', 'p']);
    // a reader that comes later in the list, and might depend on what is written
    expect(isPossible(node('Where', 'healthy moved p', 'next'), node('Mul', 'p next', 'other'))).toBe(false);
  });
});
