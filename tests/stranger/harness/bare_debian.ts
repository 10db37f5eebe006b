/**
 * A Debian as it is after its installation, and what a person adds to it before
 * reading our README: Node, git, QEMU, and Ansible with sudo for who uses them.
 *
 * @module
 */

import { canMakeDebian, debian } from "../../../testing/program/debian.ts";
import { run } from "../../../testing/qemu/builds/child.ts";

export { canMakeDebian };

const SUITE = "trixie";
/** Where a QEMU is that knows cpr-exec. */
const NEWER = `${SUITE}-backports`;
const PACKAGES = [
  ..."ansible-core ca-certificates git nodejs procps python3-apt".split(" "),
  ..."qemu-system-x86 qemu-utils sudo systemd systemd-sysv".split(" "),
];
/** As Node has it; Debian's own is 350 packages. */
const NPM = "npm@10";
const TIMEOUT_MS = 900_000;

/** Its folder, made the first time; not to be written to. */
export async function bareDebian(): Promise<string> {
  return await debian({
    name: "debian",
    suites: [SUITE, NEWER],
    packages: PACKAGES,
    finish: async (folder) => {
      await run(
        ["npm", "install", "--global", "--prefix", `${folder}/usr/local`, NPM],
        { timeoutMs: TIMEOUT_MS },
      );
    },
  });
}

if (import.meta.main && canMakeDebian()) await bareDebian();
