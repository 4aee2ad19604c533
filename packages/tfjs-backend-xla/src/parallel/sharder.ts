import { type Attributes, Builder, extractProgram, type Node, type Value } from '@diptych/graph';

/** A value of the whole program, as one device has it. */
export interface Placed {
  /** What the device has of it. */
  readonly value: Value;
  /** The axis along which each device has its share; null where each has all of it. */
  readonly axis: number | null;
  /** The shape of the whole. */
  readonly shape: readonly number[];
}

/** How shares are put together. */
export type Fold = 'add' | 'multiply' | 'maximum' | 'minimum' | 'and' | 'or';

/** Builds the program of one device. */
export class Sharder {
  readonly builder = new Builder();

  constructor(readonly replicas: number) {}

  /** All of a value, gathered from the devices where each has its share. */
  whole({ value, axis, shape }: Placed): Value {
    if (axis === null) return value;
    return this.builder.emit('AllGather', [value], { axis, replicas: this.replicas }, shape, value.dtype, ['x']);
  }

  /** The device's share of a value along an axis. */
  share(placed: Placed, axis: number): Value {
    if (placed.axis === axis) return placed.value;
    const { replicas, builder } = this;
    const whole = this.whole(placed);
    const shape = this.shareOf(whole.shape, axis);
    const { node, dtype } = whole;
    if (node?.op === 'Fill') return builder.fill(node.attrs.value as number, shape, dtype);
    if (node?.op === 'BroadcastTo') {
      const [x] = node.inputs as [Value];
      const own = axis - (whole.shape.length - x.shape.length);
      if (own < 0 || x.shape[own] === 1) return builder.broadcastTo(x, shape);
    }
    return builder.emit('ReplicaShare', [whole], { axis, replicas }, shape, dtype, ['x']);
  }

  /** The fold of what all devices have. */
  fold(value: Value, operation: Fold): Value {
    const attrs = { operation, replicas: this.replicas };
    return this.builder.emit('AllReduce', [value], attrs, value.shape, value.dtype, ['x']);
  }

  /** The same for a result that each device has a part of. */
  folded(value: Value, operation: Fold): Placed {
    return { value: this.fold(value, operation), axis: null, shape: value.shape };
  }

  /** True if an axis can be divided. */
  divides(shape: readonly number[], axis: number): boolean {
    const length = shape[axis] ?? 0;
    return length > 0 && length % this.replicas === 0;
  }

  /** The shape of a share. */
  shareOf(shape: readonly number[], axis: number): number[] {
    return shape.map((dimension, i) => (i === axis ? dimension / this.replicas : dimension));
  }

  /** A node's operation on shares: its first result is divided along `axis`, or whole where that is null. */
  emit(node: Node, values: readonly Value[], axis: number | null, attrs: Attributes = node.attrs): Placed {
    const { shape, dtype } = node.outputs[0]!;
    const own = axis === null ? shape : this.shareOf(shape, axis);
    return { value: this.builder.emit(node.op, values, attrs, own, dtype, node.inputNames), axis, shape };
  }

  /** All nodes that outputs depend on, in order. */
  nodesOf(outputs: readonly Value[]): readonly Node[] {
    return extractProgram(outputs).nodes;
  }
}
