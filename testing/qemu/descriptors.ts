/** What a process has open. */

/** One open descriptor. */
export interface OpenDescriptor {
  readonly number: number;
  /** What it is, such as a path or "/memfd:name (deleted)". */
  readonly target: string;
}

/** The descriptors that a process has open now. */
export function openDescriptors(pid: number): OpenDescriptor[] {
  const open: OpenDescriptor[] = [];
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      open.push({
        number: Number(name),
        target: Deno.readLinkSync(`/proc/${pid}/fd/${name}`),
      });
    } catch (error) {
      // Closed since the folder was read.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return open;
}

/**
 * The CPR state that a QEMU holds for the one it is about to become.
 *
 * @throws {Error} if it holds none: it is not past the start of a migration
 */
export function cprStateOf(pid: number): Uint8Array<ArrayBuffer> {
  const held = openDescriptors(pid)
    .find(({ target }) => target.startsWith("/memfd:QEMU_CPR_EXEC_STATE"));
  if (held === undefined) {
    throw new Error(`Cannot find CPR state in process ${pid}`);
  }
  // Opened anew it has an offset of its own.
  return Deno.readFileSync(`/proc/${pid}/fd/${held.number}`);
}
