import { existsSync, readFileSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { ConfigError, type JsonObject } from '@diptych/core';
import type { HfReport, JointModel } from 'diptych';
import type { MetricsFile, RetrievalFigures } from './metrics-file.js';
import { CONFIG_FILE, METRICS_FILE } from './runs.js';

/** What a card is made of. */
export interface CardInput {
  readonly run: string;
  readonly model: JointModel;
  readonly report: HfReport;
  readonly license: string;
}

/** What `run.json` may say. */
interface RunFile {
  readonly data?: string;
  readonly split?: string;
  readonly seed?: number;
  readonly steps?: number;
  readonly recipe?: JsonObject;
}

/** The hub's words for licences look like this; which there are it knows itself. */
const LICENSE = /^[a-z0-9][a-z0-9.-]*$/;
/** An id of the hub. */
const HUB_ID = /^[\w-][\w.-]*\/[\w-][\w.-]*$/;

/**
 * README.md of a repository on the hub: what the run was trained on, what it reached, how it came about, what it is not good for, and how to load it.
 * The block before it is YAML that the hub checks.
 *
 * @throws ConfigError for a licence that cannot be the hub's word for one
 */
export async function modelCard({ run, model, report, license }: CardInput): Promise<string> {
  if (!LICENSE.test(license)) {
    throw new ConfigError({
      where: 'export hf: --license',
      expected: "the hub's word for a licence: apache-2.0, mit, cc-by-4.0, other",
      got: license,
    });
  }
  const about = readJson<RunFile>(join(run, CONFIG_FILE)) ?? {};
  const metrics = readJson<MetricsFile>(join(run, METRICS_FILE));
  const name = basename(run);
  return [
    '---',
    ...frontMatter(license, about, metrics, report, name),
    '---',
    '',
    `# ${title(about)}`,
    '',
    `A joint encoder of pictures and texts: both become vectors of ${report.embedDim} numbers, whose cosine says how well they belong together. Trained with [diptych](https://github.com/diptych-js/diptych).`,
    '',
    ...usage(model, report),
    ...preprocessing(model, report),
    ...results(metrics),
    ...training(about),
    ...limits(about, metrics),
    '',
  ].join('\n');
}

function frontMatter(
  license: string,
  { recipe, data }: RunFile,
  metrics: MetricsFile | undefined,
  { layout }: HfReport,
  name: string,
): string[] {
  const isOne = layout !== 'timm and sentence-transformers';
  const bases = ['image', 'text', 'model']
    .map((tower) => recipe?.[tower])
    .filter((id) => HUB_ID.test(String(id)) && !existsSync(String(id)));
  const lines = [
    `license: ${license}`,
    ...(license === 'other' ? ['license_name: not-chosen'] : []),
    `library_name: ${isOne ? 'transformers' : 'sentence-transformers'}`,
    `pipeline_tag: ${layout === 'CLIPModel' || layout === 'SiglipModel' ? 'zero-shot-image-classification' : 'feature-extraction'}`,
    'tags:',
    ...['diptych', 'image-text', 'image-retrieval', 'clip', ...(isOne ? [] : ['timm'])].map((tag) => `- ${tag}`),
  ];
  if (bases.length > 0) lines.push('base_model:', ...bases.map((id) => `- ${text(String(id))}`));
  if (data !== undefined && HUB_ID.test(data) && !existsSync(data)) lines.push('datasets:', `- ${text(data)}`);
  if (!metrics) return lines;
  const values = [...recalls('text to image', metrics.textToImage), ...recalls('image to text', metrics.imageToText)];
  return [
    ...lines,
    'metrics:',
    '- recall',
    'model-index:',
    `- name: ${text(name)}`,
    '  results:',
    '  - task:',
    '      type: image-text-retrieval',
    '      name: Retrieval between pictures and texts',
    '    dataset:',
    `      name: ${text(`held-out pairs of ${data === undefined ? 'the run' : basename(data)}`)}`,
    '      type: held-out',
    '    metrics:',
    ...values.flatMap(([label, value]) => [
      '    - type: recall',
      `      name: ${text(label)}`,
      `      value: ${value}`,
    ]),
  ];
}

/** JSON's strings are YAML's. */
const text = (value: string): string => JSON.stringify(value);

function recalls(direction: string, figures: RetrievalFigures): [label: string, value: number][] {
  return ([1, 5, 10] as const).map((k) => [`Recall@${k}, ${direction}`, round(figures[`recall@${k}`])]);
}

const round = (value: number): number => Math.round(value * 1e4) / 1e4;

function title({ data }: RunFile): string {
  return data === undefined ? 'Pictures and texts' : `Pictures and texts of ${basename(data)}`;
}

function usage(model: JointModel, { layout, apart }: HfReport): string[] {
  const { maxLength = model.tokenizer.maxLength, padding = 'longest' } = model.tokenize;
  const call = `padding=${padding === 'max_length' ? '"max_length"' : 'True'}, truncation=True, max_length=${maxLength}, return_tensors="pt"`;
  const own = `From JavaScript, in Node and in browsers:

\`\`\`js
import { load } from 'diptych';
const model = await load('https://huggingface.co/<this model>/resolve/main/diptych/');
const words = await model.embedText(['a cat asleep']);
\`\`\`
`;
  if (layout === 'timm and sentence-transformers') {
    return [
      '## Use',
      '',
      `\`\`\`python
import timm, torch
from huggingface_hub import snapshot_download
from sentence_transformers import SentenceTransformer

folder = snapshot_download("<this model>")
text = SentenceTransformer(f"{folder}/text")
image = timm.create_model(f"local-dir:{folder}/image", pretrained=True).eval()

words = text.encode(["a cat asleep"], convert_to_tensor=True)
with torch.inference_mode():
    pictures = torch.nn.functional.normalize(image(pixels), dim=-1)  # pixels: as below
print(words.cpu() @ pictures.T)
\`\`\`
`,
      `The towers lie apart because transformers has no model that joins them: in VisionTextDualEncoderModel ${apart}.`,
      '',
      own,
    ];
  }
  const processor = layout === 'VisionTextDualEncoderModel' ? 'pip install timm; ' : '';
  return [
    '## Use',
    '',
    `\`\`\`python
import torch  # ${processor}transformers
from transformers import AutoTokenizer, ${layout}

model = ${layout}.from_pretrained("<this model>").eval()
tokenizer = AutoTokenizer.from_pretrained("<this model>")
with torch.inference_mode():
    outputs = model(pixel_values=pixels, **tokenizer(["a cat asleep"], ${call}))
print(outputs.text_embeds @ outputs.image_embeds.T)  # cosines; pixels: as below
\`\`\`
`,
    ...(layout === 'VisionTextDualEncoderModel' ? [own] : []),
  ];
}

function preprocessing({ transform }: JointModel, { hasProcessor }: HfReport): string[] {
  const [height, width] = transform.outputShape;
  if (hasProcessor) {
    return [
      '## Pictures',
      '',
      'Pixels are those of `CLIPImageProcessorPil.from_pretrained("<this model>")` (preprocessor_config.json): resized by Pillow, which processors on tensors are not to the last bit.',
      '',
    ];
  }
  const { mean, std } = transform.normalization ?? {};
  return [
    '## Pictures',
    '',
    `No image processor of transformers prepares pictures as this model wants them. RGB, ${width} x ${height} pixels, by these steps of diptych in order, then \`(x / 255 - mean) / std\` with mean ${JSON.stringify(mean?.map(round))} and std ${JSON.stringify(std?.map(round))}, channels first:`,
    '',
    '```json',
    JSON.stringify(transform.describe().options, null, 2),
    '```',
    '',
    '`letterbox` shrinks or enlarges a picture as a whole into the frame and fills the rest with a colour; in Python: `PIL.ImageOps.pad`, whose rounding may differ by a pixel.',
    '',
  ];
}

function results(metrics: MetricsFile | undefined): string[] {
  if (!metrics) return [];
  const row = (name: string, of: Omit<RetrievalFigures, 'medianRank'>, median: number | string) =>
    `| ${name} | ${[of['recall@1'], of['recall@5'], of['recall@10']].map((value) => value.toFixed(3)).join(' | ')} | ${median} |`;
  return [
    '## Results',
    '',
    `On ${metrics.candidates} held-out pairs (split \`${metrics.split}\`, seed ${metrics.seed}): each caption among all of their pictures, and back. Captions of one picture, and equal captions, are right answers to each other.`,
    '',
    '| | R@1 | R@5 | R@10 | median rank |',
    '| --- | --- | --- | --- | --- |',
    row('text to image', metrics.textToImage, metrics.textToImage.medianRank),
    row('image to text', metrics.imageToText, metrics.imageToText.medianRank),
    row('chance', metrics.chance, Math.ceil(metrics.candidates / 2)),
    '',
  ];
}

function training({ data, split, seed, steps, recipe }: RunFile): string[] {
  const facts = [
    ['data', data === undefined ? undefined : basename(data)],
    ['split', split],
    ['seed', seed],
    ['steps', steps],
  ].filter(([, value]) => value !== undefined);
  return [
    '## Training',
    '',
    ...facts.map(([name, value]) => `- ${name}: \`${value}\``),
    '',
    ...(recipe ? ['```json', JSON.stringify(recipe, withoutPaths, 2), '```', ''] : []),
  ];
}

/** Nobody needs to know where on a disk a tower lay. */
function withoutPaths(_: string, value: unknown): unknown {
  return typeof value === 'string' && (isAbsolute(value) || existsSync(value)) ? basename(value) : value;
}

function limits({ data }: RunFile, metrics: MetricsFile | undefined): string[] {
  const few = metrics && metrics.candidates < 1000;
  return [
    '## Limits',
    '',
    `- It knows what ${data === undefined ? 'its training data' : basename(data)} shows and says, in the words of those captions. What it does on other pictures was not measured.`,
    `- Scores are good for an order of results, not as probabilities${few ? `; the figures above rest on ${metrics.candidates} pairs, so differences of a few per cent mean little` : ''}.`,
    '- What the towers that it began from, and the captions, hold of prejudice it holds too. Do not decide about people by it.',
  ];
}

function readJson<Value>(path: string): Value | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Value) : undefined;
}
