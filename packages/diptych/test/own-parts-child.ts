// Another process: loads the model folder argv[2], with the parts or (argv[3]) without, and says what it gives.
import { load } from '../src/index.js';

const [folder, parts] = process.argv.slice(2);
if (parts === 'parts') await import('./own-parts.js');
try {
  const model = await load(folder!);
  const picture = { data: new Uint8Array(8 * 8 * 3).fill(90), width: 8, height: 8 };
  const [image, text] = [await model.embedImages([picture]), await model.embedText(['abc'])];
  const predicted = await model.predict([picture], ['abc']);
  console.log(JSON.stringify({ image: [...image.data], text: [...text.data], chosen: [...predicted.kind!.data] }));
} catch (error) {
  console.log(JSON.stringify({ error: (error as Error).message }));
}
process.exit(0);
