// torchvision's ResNet-50 as an exporter would write it: NCHW, constant weights, BatchNormalization nodes, which ONNX
// Runtime folds. What a user of onnxruntime-node alone would run.
import { openSafetensors } from '@diptych/weights/node';
import { loadEngine } from '../lowerings/engine.mjs';

/** A session over `rows` pictures; `run(pixels)` takes NHWC data, as our side does. */
export async function handExportedResNet50(stateFile, rows) {
  const engine = await loadEngine();
  const state = openSafetensors(stateFile);
  const nodes = [];
  const initializers = new Map();
  const weight = (name) => {
    if (!initializers.has(name)) initializers.set(name, { name, ...state.read(name) });
    return name;
  };
  const add = (opType, inputs, output, attributes = {}) => {
    nodes.push({ opType, inputs, outputs: [output], attributes });
    return output;
  };
  const convolution = (x, name, kernel, stride) => {
    const pad = (kernel - 1) / 2;
    const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] };
    return add('Conv', [x, weight(`${name}.weight`)], `${name}.out`, attributes);
  };
  const norm = (x, name) => {
    const parts = ['weight', 'bias', 'running_mean', 'running_var'].map((part) => weight(`${name}.${part}`));
    return add('BatchNormalization', [x, ...parts], `${name}.out`, { epsilon: { float: 1e-5 } });
  };
  const relu = (x) => add('Relu', [x], `${x}.relu`);

  let x = add('Transpose', ['pixels'], 'nchw', { perm: [0, 3, 1, 2] });
  x = relu(norm(convolution(x, 'conv1', 7, 2), 'bn1'));
  x = add('MaxPool', [x], 'maxpool', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    for (let block = 0; block < blocks; block++) {
      const name = `layer${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const shortcut =
        block === 0 ? norm(convolution(x, `${name}.downsample.0`, 1, stride), `${name}.downsample.1`) : x;
      let y = relu(norm(convolution(x, `${name}.conv1`, 1, 1), `${name}.bn1`));
      y = relu(norm(convolution(y, `${name}.conv2`, 3, stride), `${name}.bn2`));
      y = norm(convolution(y, `${name}.conv3`, 1, 1), `${name}.bn3`);
      x = relu(add('Add', [y, shortcut], `${name}.sum`));
    }
  }
  x = add('GlobalAveragePool', [x], 'pool');
  add('Flatten', [x], 'features', { axis: 1 });

  const shape = [rows, 224, 224, 3];
  const session = engine.createSession(
    engine.writeModel({
      nodes,
      inputs: [{ name: 'pixels', dtype: 'float32', shape }],
      outputs: [{ name: 'features', dtype: 'float32', shape: [rows, 2048] }],
      initializers: [...initializers.values()],
    }),
    { graphOptimizationLevel: 'all' },
  );
  return {
    run: (pixels) =>
      session.run({ pixels: engine.hostValue('float32', pixels, shape) }, { features: null }).features.data,
    dispose: () => session.dispose(),
  };
}
