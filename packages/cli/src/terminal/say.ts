/** Whether standard output is kept for JSON. */
let quietOutput = false;

/** From now on people read standard error: what goes to standard output is for machines. */
export function keepOutputForJson(): void {
  quietOutput = true;
}

/** Says something to the person at the terminal. */
export function say(text: string): void {
  if (quietOutput) console.error(text);
  else console.log(text);
}

/** Where progress is shown. */
export function progressStream(): NodeJS.WriteStream {
  return quietOutput ? process.stderr : process.stdout;
}
