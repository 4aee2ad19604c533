// Registers tfjs-core's gradients, which its Node bundle leaves out. The registry is shared by every copy of tfjs-core
// in a process, and registering twice changes nothing. tfjs-core itself comes first: the copy that loads first makes the
// engine and its tensors, and only the whole package gives tensors their methods.
import '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
