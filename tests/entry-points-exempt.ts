/** Entries that no user calls by hand, each with the reason. */
export const EXEMPT_ENTRIES: Readonly<Record<string, string>> = {
  '@diptych/graph': 'what an engine is made of: called for each kernel, with what its own functions give',
  '@diptych/graph/engine':
    'what engines share: called by the backends of this repository, and by those who write another, with traces and programs',
  '@diptych/core/tfjs': 'what the packages ask of tfjs-core, called inside of every operation',
  '@diptych/core/node': 'files and locks for the packages, which check the paths that users give',
  '@diptych/core/http': 'the one fetch of data and weights, which check the addresses and options that users give',
  '@diptych/metrics/cholesky': 'inside of ridge regression and canonical correlation, which check rows and widths',
  '@diptych/testing/node': 'reads the golden fixtures of this repository',
};

const CHECK = 'is itself a check: its callers, the packages, give place and pattern, and the value is what it judges';
const ERROR = 'an error class: what it is given is the message of the package that throws it';
const ROOM = 'called by the rooms of this repository with what their own functions gave';
const HANDLE =
  'its constructor is internal and takes what C gave; its methods are tried in processes of their own by packages/pjrt/src/misuse.test.ts';
const KERNEL = 'inside of every training step, on tensors that the layer before it made; its layer checks shapes';

const OPENED = 'made by the function that opens it, which checks the options';

const exempt = (reason: string, entry: string, names: string): Readonly<Record<string, string>> =>
  Object.fromEntries(names.split(' ').map((name) => [`${entry} ${name}`, reason]));

/** Single exports, each with the reason why what it is given needs no check. */
export const EXEMPT: Readonly<Record<string, string>> = {
  ...exempt(
    CHECK,
    '@diptych/core',
    'checkEncoded checkFields checkFused checkKinds checkLossOutput checkMethods checkOptions',
  ),
  ...exempt(
    CHECK,
    '@diptych/core',
    'checkTensors checkTextTensors hasPlaceholders namedConfig nearestName resolveArchitecture',
  ),
  ...exempt(CHECK, '@diptych/weights', 'wrongFamily'),
  ...exempt(
    ERROR,
    '@diptych/core',
    'CheckpointError CommunicationError ConfigError DiptychError EngineError HubError InputError ShapeError',
  ),
  ...exempt(ERROR, '@diptych/core', 'StoreError TrainingError WeightsError'),
  ...exempt(ERROR, '@diptych/data', 'DataError'),
  ...exempt(ERROR, '@diptych/pjrt', 'PjrtError'),
  ...exempt(HANDLE, '@diptych/pjrt', 'Buffer Client Device Event Executable LoadedExecutable Plugin Topology'),
  ...exempt(ERROR, '@diptych/serve/client', 'ServeError'),
  ...exempt(ERROR, '@diptych/tfjs-backend-onnxruntime', 'OrtError'),
  ...exempt(ERROR, '@diptych/weights', 'LoadReport LoadStateError'),
  ...exempt(KERNEL, '@diptych/core', 'formatShape isLent lend'),
  ...exempt(
    'inside of loops over files and rows, on numbers that the reader checked',
    '@diptych/core',
    'bfloat16ToFloat32 float16ToFloat32 float32ToBfloat16 float32ToFloat16 makeHalfTable',
  ),
  ...exempt(KERNEL, '@diptych/nn', 'drawUniform philoxUniform scaledDotProductAttention'),
  ...exempt(
    'an Initializer: layers call it with the shape and the generator that they checked',
    '@diptych/nn',
    'kaimingUniform',
  ),
  ...exempt(ROOM, '@diptych/nn', 'aroundCalls choose'),
  ...exempt(ROOM, '@diptych/cli', 'captionedSource splitPairs'),
  ...exempt(ROOM, '@diptych/testing', 'randomTowers'),
  ...exempt(ROOM, '@diptych/vision', 'torchvisionEfficientNet torchvisionMobileNetV3 withPositionGrid'),
  ...exempt(ROOM, '@diptych/weights', 'loadPretrained Safetensors'),
  ...exempt(OPENED, '@diptych/search', 'ExactIndex'),
  ...exempt(OPENED, '@diptych/search/lancedb', 'LanceDbStore'),
  ...exempt(OPENED, '@diptych/search/pgvector', 'PgVectorStore'),
  ...exempt(OPENED, '@diptych/search/qdrant', 'QdrantStore'),
  ...exempt(OPENED, '@diptych/search/usearch', 'UsearchStore'),
  ...exempt(ROOM, '@diptych/weights/node', 'hubEnvironment'),
  ...exempt('made by tokenizer() alone', '@diptych/preprocess/text', 'TextTokenizer'),
  ...exempt('made by defineOptimizer() alone, which checks the rule', '@diptych/train', 'RuleOptimizer'),
};
