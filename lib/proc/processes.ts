/**
 * The folders in /proc: which processes there are, and whose. They come and go
 * while it is read.
 *
 * @module
 */

/** The ids of all processes. */
export async function readPids(): Promise<number[]> {
  const pids: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (/^\d+$/.test(name)) pids.push(Number(name));
  }
  return pids;
}

/** Effective user and group of a process. */
export async function readOwner(
  pid: number,
): Promise<{ uid: number; gid: number }> {
  const { uid, gid } = await Deno.stat(`/proc/${pid}`);
  return { uid: uid ?? 0, gid: gid ?? 0 };
}
