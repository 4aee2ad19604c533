// Selects the onnxruntime backend with the runner's number of threads.
import { useOnnxRuntime } from '@diptych/tfjs-backend-onnxruntime';
import { threads } from './settings.mjs';

useOnnxRuntime({ intraOpNumThreads: threads });
