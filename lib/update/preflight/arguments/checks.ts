import type { PreflightCheck } from "../check.ts";
import { argumentFiles } from "./argument_files.ts";
import { argumentFolders } from "./argument_folders.ts";
import { commandArguments } from "./arguments.ts";
import { chardevPeers } from "./chardev_peers.ts";
import { descriptors } from "./descriptors.ts";
import { encoding } from "./encoding.ts";
import { fdSets } from "./fd_sets.ts";
import { firmware } from "./firmware.ts";
import { newCommandLine } from "./new_command.ts";
import { reopening } from "./reopening.ts";
import { terminals } from "./terminals.ts";
import { tpmServer } from "./tpm_server.ts";

/** The command line can be used again. */
export const ARGUMENT_CHECKS: readonly PreflightCheck[] = [
  encoding,
  newCommandLine,
  commandArguments,
  argumentFiles,
  argumentFolders,
  firmware,
  reopening,
  descriptors,
  fdSets,
  chardevPeers,
  terminals,
  tpmServer,
];
