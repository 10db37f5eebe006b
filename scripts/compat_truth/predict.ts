/** What compat says of a load. @module */

import {
  compareDumps,
  type CompatFinding,
  type Dump,
  loadDump,
  type Verdict,
  verdictOf,
  vmOfStream,
} from "../../lib/inspect/compat/mod.ts";
import type { QemuBuild } from "../../testing/qemu/builds/builds.ts";
import type { Load } from "./load.ts";

/** A load, and what compat says of it. */
export interface Predicted extends Load {
  readonly verdict: Verdict;
  readonly findings: readonly CompatFinding[];
  /** Sections that compat says it cannot judge. */
  readonly unseen: readonly string[];
}

/** Asks compat as its command does; each build is run once a machine. */
export class Predictor {
  readonly #dumps = new Map<string, Promise<Dump>>();

  constructor(private readonly builds: readonly QemuBuild[]) {}

  async predict(load: Load): Promise<Predicted> {
    const { machine, source, destination, state } = load;
    const [old, next] = await Promise.all([
      this.#dumpOf(source, machine),
      this.#dumpOf(destination, machine),
    ]);
    const { inUse } = await vmOfStream(state);
    const found = compareDumps(old, next, inUse);
    return {
      ...load,
      verdict: verdictOf(found),
      findings: found.findings.filter(({ hit }) => hit !== false),
      unseen: found.unseen,
    };
  }

  #dumpOf(version: string, machine: string): Promise<Dump> {
    const key = `${version} ${machine}`;
    const build = this.builds.find((it) => it.version === version);
    if (build === undefined) throw new Error(`There is no QEMU ${version}`);
    const dump = this.#dumps.get(key) ?? loadDump(build.binary, { machine });
    this.#dumps.set(key, dump);
    return dump;
  }
}
