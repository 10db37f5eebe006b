import { answered } from "../bounded_file.ts";
import {
  type FileIdentity,
  findFile,
  identityAt,
  isSameIdentity,
} from "./file_identity.ts";

/** The file that a process executes, even if its path leads elsewhere now. */
export interface Executable extends FileIdentity {
  /** Path at the time of its start, in the process's own view. */
  readonly path: string;
  /** Whether that path now leads to another file, or to none. */
  readonly replaced: boolean;
}

/** Reads /proc/PID/exe. */
export async function readExecutable(pid: number): Promise<Executable> {
  const link = `/proc/${pid}/exe`;
  const [target] = await Promise.all([
    Deno.readLink(link),
    answered(link, Deno.stat(link)),
  ]);
  const path = target.replace(/ \(deleted\)$/, "");
  const identity = identityAt(link);
  // The process may be in another mount namespace.
  const present = await findFile(`/proc/${pid}/root${path}`);
  const replaced = present === undefined ||
    !isSameIdentity(present.identity, identity);
  return { path, ...identity, replaced };
}
