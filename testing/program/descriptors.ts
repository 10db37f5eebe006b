/** What a process has open. */

import { ifThereSync } from "../../lib/gone.ts";

/** One open descriptor. */
export interface OpenDescriptor {
  readonly number: number;
  /** What it is, such as a path or "/memfd:name (deleted)". */
  readonly target: string;
}

/** The descriptors that a process has open now. */
export function openDescriptors(pid: number): OpenDescriptor[] {
  const folder = `/proc/${pid}/fd`;
  return [...Deno.readDirSync(folder)].flatMap(({ name }) => {
    // Closed since the folder was read, as the one that read it.
    const target = ifThereSync(() => Deno.readLinkSync(`${folder}/${name}`));
    return target === undefined ? [] : [{ number: Number(name), target }];
  });
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
