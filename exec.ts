/**
 * `cprctl exec` alone. The portable program starts here when exec is its first
 * word: Deno reads in all that main.ts could ever import, within a guest's downtime.
 *
 * @module
 */

import { readLauncherEnvironment } from "./lib/cli/self.ts";
import { runExec } from "./lib/cpr/exec_wrapper.ts";

readLauncherEnvironment();
Deno.exit(runExec(Deno.args.slice(1)));
