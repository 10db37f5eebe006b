/** VMs that are not there, for rules that only read about them. */

import type { LiveProcess } from "../../../lib/update/command/draft.ts";
import { newCommand } from "../../../lib/update/command/new_command.ts";
import type { Facts } from "../../../lib/update/vm/facts.ts";

export const MACHINE = "pc-q35-11.1";
export const OLD_BINARY = "/usr/bin/qemu-system-x86_64";

/** Facts of a VM that runs with these options. */
export function factsOf(
  words: readonly string[],
  more: Partial<Facts> = {},
): Facts {
  return {
    address: { path: "/run/vm.qmp" },
    pid: 4711,
    startTime: "1",
    image: "",
    owner: { uid: 0, gid: 0 },
    identity: {
      ...{ pid: 4711, startTime: "1", image: "" },
      executable: { path: OLD_BINARY, replaced: false, dev: "1", ino: "2" },
      credentials: { uid: 0, gid: 0, groups: [] },
      openedByRoot: true,
      argv: [OLD_BINARY, ...words],
      environment: "",
    },
    argv: [OLD_BINARY, ...words],
    successor: more.executable?.path ?? OLD_BINARY,
    executable: { path: OLD_BINARY, replaced: false, dev: "1", ino: "2" },
    program: "QEMU",
    version: { major: 11, minor: 1, micro: 2, package: "" },
    name: undefined,
    uuid: undefined,
    machine: MACHINE,
    ramFiles: new Map(),
    deviceMemory: new Set(),
    tpmPage: undefined,
    generationId: undefined,
    runState: "running",
    running: true,
    imagesActive: true,
    threads: [],
    service: undefined,
    ...more,
  };
}

export const NOTHING_LIVE: LiveProcess = {
  taps: [],
  hugePageMounts: [],
  vhostNets: [],
  vhostProblem: () => undefined,
};

/** What every new command line ends with. */
export const WAITING = ["-S", "-incoming", "defer"];

/** What becomes of the options of a VM whose machine type is exact. */
export function after(
  words: readonly string[],
  live: LiveProcess = NOTHING_LIVE,
  more: Partial<Facts> = {},
): string[] {
  const machine = ["-machine", MACHINE];
  const { argv } = newCommand(factsOf([...machine, ...words], more), live);
  return argv.slice(1 + machine.length, -WAITING.length);
}
