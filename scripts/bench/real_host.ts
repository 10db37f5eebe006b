/** Where real QEMUs are measured. */

import { type Accelerator, accelerators } from "../../testing/qemu/mod.ts";
import {
  knownBuilds,
  type QemuBuilds,
} from "../../testing/qemu/builds/builds.ts";
import { printTitle } from "./table.ts";

/** A VM's files are in memory, and so are what it saves and the run directory. */
const FOLDER = "/dev/shm";

/** The builds, and how their guests run. */
export interface RealHost {
  readonly builds: QemuBuilds;
  readonly accelerator: Accelerator;
}

/** @returns undefined, after it has said so, where there is no QEMU */
export async function realHost(section: string): Promise<RealHost | undefined> {
  const builds = await knownBuilds();
  if (builds === undefined) {
    printTitle(section, "no QEMU here: run `deno task get-qemu` first");
    return undefined;
  }
  Deno.env.set("TMPDIR", FOLDER);
  const accelerator = (await accelerators(builds.old)).at(-1) ?? "tcg";
  return { builds, accelerator };
}
