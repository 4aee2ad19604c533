import type { Node, Window } from '@diptych/graph';

/** The window of a convolution or pooling. */
export const windowOf = (node: Node) => node.attrs.window as Window;

/** Cells of a filter or image of this height and width. */
export const cells = ([height, width]: readonly number[]) => height! * width!;

/** A window as ONNX takes it. */
export const windowAttributes = ({ kernel, strides, pads, dilations }: Window) => ({
  kernel_shape: kernel,
  strides,
  pads,
  dilations,
});
