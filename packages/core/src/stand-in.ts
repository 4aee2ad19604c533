/** What may lie in a file's place after a download that went another way. */
export interface StandIn {
  /** What it is: `a Git LFS pointer, not the file itself`. */
  readonly name: string;
  readonly remedy: string;
}

/** By the first characters. */
const STAND_INS: readonly (StandIn & { readonly start: RegExp })[] = [
  {
    start: /^version https/,
    name: 'a Git LFS pointer, not the file itself',
    remedy: 'fetch the file with `git lfs pull`, or load it by its hub id',
  },
  {
    start: /^\s*<(!doctype html|html|\?xml)/i,
    name: 'a web page, not the file itself',
    remedy:
      'a server showed its page in place of the file: fetch it from /resolve/, not /blob/, signed in where it asks for that',
  },
];

/** What lies in a file's place, where it is known by its first characters: clones without Git LFS, pages of a login. */
export function standInOf(start: string): StandIn | undefined {
  const found = STAND_INS.find((standIn) => standIn.start.test(start));
  return found && { name: found.name, remedy: found.remedy };
}
