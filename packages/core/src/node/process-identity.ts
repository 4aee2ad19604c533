import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Which process something belongs to, so that another can ask whether it still lives. */
export interface ProcessIdentity {
  /** Boot of a machine and space of process numbers: only there can one look. */
  readonly machine: string;
  /** For messages. */
  readonly host: string;
  readonly pid: number;
  /** When it began, in digits; '' where the system does not say. Numbers of processes are used again. */
  readonly started: string;
}

let own: ProcessIdentity | undefined;

/** This process. */
export function ownIdentity(): ProcessIdentity {
  own ??= { machine: machineOf(), host: hostname(), pid: process.pid, started: startOf(process.pid) ?? '' };
  return own;
}

/** Whether a process lives; undefined for one of another machine or container, of which nothing can be known from here. */
export function isAlive({ machine, pid, started }: ProcessIdentity): boolean | undefined {
  if (machine !== ownIdentity().machine) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and is somebody else's
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return started === '' || (startOf(pid) ?? started) === started;
}

/** Changes with each boot and differs between containers, which number their processes by themselves. */
function machineOf(): string {
  const parts = [hostname(), process.platform];
  if (process.platform === 'linux') {
    for (const read of [
      () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'),
      () => readlinkSync('/proc/self/ns/pid'),
    ]) {
      try {
        parts.push(read().trim());
      } catch {
        // a system that hides it
      }
    }
  }
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);
}

function startOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      // proc(5): the name in parentheses may hold spaces; field 22 is the start in ticks since boot
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    }
    if (process.platform === 'win32') return undefined;
    const said = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      stdio: 'pipe',
    });
    return String(Date.parse(said.trim()));
  } catch {
    return undefined;
  }
}
