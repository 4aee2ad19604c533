export function kernelText(): string;
export function kernelSource(): Promise<string>;
