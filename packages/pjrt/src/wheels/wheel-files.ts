/** A wheel of PyPI, in the versions that fit. */
export interface WheelRange {
  readonly distribution: string;
  /** The lowest version, and the first that does not fit any more. */
  readonly from?: string;
  readonly below?: string;
}

/** A wheel that an index offers. */
export interface WheelFile {
  readonly filename: string;
  readonly url: string;
  /** Of its content. */
  readonly sha256: string;
  readonly size?: number;
  readonly isYanked: boolean;
}

/** What a wheel's name says (https://packaging.python.org/specifications/binary-distribution-format). */
interface WheelName {
  readonly version: string;
  /** `manylinux_2_27_x86_64`, `any`. */
  readonly platforms: readonly string[];
}

/** @returns undefined for what is no wheel */
function wheelName(filename: string): WheelName | undefined {
  const match = /^[^-]+-([^-]+)(?:-\d[^-]*)?-[^-]+-[^-]+-([^-]+)\.whl$/.exec(filename);
  return match ? { version: match[1]!, platforms: match[2]!.split('.') } : undefined;
}

/** The end of a platform's wheels: `x86_64` of `manylinux_2_27_x86_64`. */
const ENDS: Readonly<Record<string, RegExp>> = {
  'linux-x64': /^manylinux.*_x86_64$/,
  'linux-arm64': /^manylinux.*_(aarch64|sbsa)$/,
  'darwin-x64': /^macosx_.*_(x86_64|universal2)$/,
  'darwin-arm64': /^macosx_.*_(arm64|universal2)$/,
  'win32-x64': /^win_amd64$/,
};

/**
 * The newest wheel for a platform within a range. Releases that were taken back and those before the final one are left out.
 *
 * @param platform `linux-x64`, as Node names them
 */
export function newestWheel(files: readonly WheelFile[], range: WheelRange, platform: string): WheelFile | undefined {
  const end = ENDS[platform];
  const fitting = files.flatMap((file) => {
    const name = wheelName(file.filename);
    if (!name || file.isYanked || !/^\d+(\.\d+)*(\.post\d+)?$/.test(name.version)) return [];
    if (range.from !== undefined && compareVersions(name.version, range.from) < 0) return [];
    if (range.below !== undefined && compareVersions(name.version, range.below) >= 0) return [];
    const runs = name.platforms.some((one) => one === 'any' || end?.test(one));
    return runs ? [{ file, version: name.version }] : [];
  });
  fitting.sort((a, b) => compareVersions(b.version, a.version) || a.file.filename.localeCompare(b.file.filename));
  return fitting[0]?.file;
}

/** Order of release numbers (PEP 440): number by number, what is missing is 0. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(/\D+/).map(Number));
  for (let i = 0; i < Math.max(left!.length, right!.length); i++) {
    const difference = (left![i] ?? 0) - (right![i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
