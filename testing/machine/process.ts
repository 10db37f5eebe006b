/** What the kernel says of a process. */

/** One open descriptor. */
export interface Descriptor {
  readonly number: number;
  /** What it is, such as a path or "/memfd:name (deleted)". */
  readonly target: string;
  /** Whether an exec would close it. */
  readonly cloexec: boolean;
}

const O_CLOEXEC = 0o2000000;

/** The descriptors that a process has open now. */
export function descriptorsOf(pid: number): Descriptor[] {
  const open: Descriptor[] = [];
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      const target = Deno.readLinkSync(`/proc/${pid}/fd/${name}`);
      const info = Deno.readTextFileSync(`/proc/${pid}/fdinfo/${name}`);
      const flags = parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? "", 8);
      open.push({
        number: Number(name),
        target,
        cloexec: (flags & O_CLOEXEC) !== 0,
      });
    } catch (error) {
      // Closed since the folder was read.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return open;
}

/** The memfds among them, by name, CPR state too. */
export function memfdsOf(pid: number): Map<string, Descriptor> {
  const found = new Map<string, Descriptor>();
  for (const descriptor of descriptorsOf(pid)) {
    const name = /^\/memfd:(.*) \(deleted\)$/.exec(descriptor.target)?.[1];
    if (name !== undefined) found.set(name, descriptor);
  }
  return found;
}

/** Resident memory of a process, shared memory included, in bytes. */
export function memoryOf(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const kibibytes = /^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`Process ${pid} is gone`);
  return Number(kibibytes) * 1024;
}
