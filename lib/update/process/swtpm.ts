/**
 * Finds the programs that emulate a VM's TPM (swtpm), by what /proc says about
 * them. Any local process may use that name; the caller decides which to trust.
 *
 * @module
 */

import { ProcessFiles } from "../../proc/process_files.ts";
import { readCommandLine } from "../../proc/cmdline.ts";
import { ifVisible, readProcText } from "../../proc/file.ts";
import { type FoundFile, isSameIdentity } from "../../proc/file_identity.ts";
import { readOwner, readPids } from "../../proc/processes.ts";

/** A swtpm that listens on a socket. */
export interface Swtpm {
  readonly pid: number;
  readonly uid: number;
  /** Whether it ends when it loses its connection. */
  readonly terminates: boolean;
}

const NAME = "swtpm";
const CONTROL = "--ctrl";
/** getopt accepts any unambiguous abbreviation. */
const TERMINATE = /^--te(r(m(i(n(a(te?)?)?)?)?)?)?$/;
/** Also combined with other switches, as in "-dt". */
const SHORT_TERMINATE = /^-[a-z]*t$/;

/** Every swtpm whose control socket is this file. */
export async function swtpmsAt(socket: FoundFile): Promise<Swtpm[]> {
  const found: Swtpm[] = [];
  for (const pid of await readPids()) {
    const swtpm = await ifVisible(look(pid, socket));
    if (swtpm !== undefined) found.push(swtpm);
  }
  return found;
}

async function look(
  pid: number,
  socket: FoundFile,
): Promise<Swtpm | undefined> {
  const name = await readProcText(pid, "comm");
  if (name.trimEnd() !== NAME) return undefined;
  const argv = await readCommandLine(pid);
  const path = controlPath(argv);
  if (path === undefined) return undefined;
  const there = await new ProcessFiles(pid).stat(path);
  const { identity } = socket;
  if (!there || !isSameIdentity(there.identity, identity)) return undefined;
  const { uid } = await readOwner(pid);
  return { pid, uid, terminates: endsWithItsClient(argv) };
}

/** Such as `--ctrl type=unixio,path=/run/tpm.sock`. */
export function controlPath(argv: readonly string[]): string | undefined {
  const at = argv.findIndex((word) =>
    word === CONTROL || word.startsWith(`${CONTROL}=`)
  );
  const word = argv[at] ?? "";
  const value = word === CONTROL
    ? argv[at + 1] ?? ""
    : word.slice(CONTROL.length + 1);
  const [, path] = /(?:^|,)path=([^,]+)/.exec(value) ?? [];
  return path;
}

/** Whether its options say that it ends when it loses its connection. */
export function endsWithItsClient(argv: readonly string[]): boolean {
  return argv.some((word) =>
    TERMINATE.test(word) || SHORT_TERMINATE.test(word)
  );
}
