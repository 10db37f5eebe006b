import { answered } from "../bounded_file.ts";
import {
  type FileIdentity,
  findFile,
  identityAt,
  isSameIdentity,
} from "./file_identity.ts";

/** The executable file of a process, whatever its path says. */
export interface Executable extends FileIdentity {
  /** Path at the time of its start, in the process's own view. */
  readonly path: string;
  /** The file is gone from that path, or another one is there now. */
  readonly replaced: boolean;
}

/** The file that a process executes: /proc/PID/exe. */
export async function readExecutable(pid: number): Promise<Executable> {
  const link = `/proc/${pid}/exe`;
  const [target] = await Promise.all([
    Deno.readLink(link),
    answered(link, Deno.stat(link)),
  ]);
  const path = target.replace(/ \(deleted\)$/, "");
  const identity = identityAt(link);
  // The process may have other mounts than we.
  const present = await findFile(`/proc/${pid}/root${path}`);
  const replaced = present === undefined ||
    !isSameIdentity(present.identity, identity);
  return { path, ...identity, replaced };
}
