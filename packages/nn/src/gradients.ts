// Registers tfjs-core's gradients, which its Node bundle leaves out. The registry is shared by every copy of tfjs-core
// in a process, and registering twice changes nothing.
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
