/**
 * The output of `--diff`: the program before and after, escaped for a terminal
 * and without secrets.
 */

import { redactedWord } from "../../cmdline/mod.ts";
import { printable } from "../../inert.ts";
import { ProcessFiles } from "../../proc/process_files.ts";
import type { FileIdentity } from "../../proc/file_identity.ts";
import type { Observation } from "../../update/vm/probe.ts";

/** Two texts for Ansible to compare line by line. */
export interface Difference {
  readonly before_header: string;
  readonly after_header: string;
  readonly before: string;
  readonly after: string;
}

/** One of the programs; two programs may have the same path. */
interface Side {
  readonly version: string;
  readonly path: string;
  readonly file: string;
  readonly argv: readonly string[];
}

/** The difference after an update. */
export function differenceMade(
  name: string,
  before: Observation,
  after: Observation,
) {
  return difference(name, sideOf(before), sideOf(after));
}

/** The difference before an update. */
export async function differenceAhead(
  name: string,
  before: Observation,
  { argv, version }: Pick<Side, "argv" | "version">,
): Promise<Difference> {
  const [path = ""] = argv;
  const info = await new ProcessFiles(before.pid).stat(path);
  const after = {
    version,
    path,
    file: info === undefined ? "none" : fileOf(info.identity),
    argv,
  };
  return difference(name, sideOf(before), after);
}

function difference(name: string, before: Side, after: Side): Difference {
  return {
    before_header: printable(name),
    after_header: printable(name),
    before: textOf(before),
    after: textOf(after),
  };
}

function sideOf({ version, executable, argv }: Observation): Side {
  return { version, path: executable.path, file: fileOf(executable), argv };
}

function fileOf({ dev, ino }: FileIdentity): string {
  return `device ${dev}, inode ${ino}`;
}

function textOf({ version, path, file, argv }: Side): string {
  const head = [`version: ${version}`, `binary: ${path}`, `file: ${file}`];
  const lines = [
    ...head,
    "argv:",
    ...argv.map((word) => `  ${redactedWord(word)}`),
  ];
  return lines.map(printable).join("\n") + "\n";
}
