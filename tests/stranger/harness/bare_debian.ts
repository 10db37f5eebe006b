/**
 * A Debian as it is after its installation, and what a person adds to it before
 * reading our README: Node, git, QEMU, and Ansible with sudo for who uses them.
 *
 * @module
 */

import { machineMirror } from "../../../testing/qemu/builds/apt.ts";
import {
  cacheFolder,
  removeIfThere,
} from "../../../testing/qemu/builds/cache.ts";
import { run } from "../../../testing/qemu/builds/child.ts";
import { exists } from "../../../testing/program/exists.ts";

const MAKER = "/usr/bin/mmdebstrap";
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

/** Whether one can be made here. */
export function canMakeDebian(): boolean {
  return Deno.uid() === 0 && exists(MAKER) && Deno.build.arch === "x86_64";
}

/**
 * Its folder, made the first time from this machine's own mirror, and kept in
 * the cache; not to be written to.
 */
export async function bareDebian(): Promise<string> {
  const cache = await cacheFolder();
  const home = `${cache}/debian`;
  if (exists(home)) return home;
  using lock = await Deno.open(`${cache}/lock`, { create: true, write: true });
  await lock.lock(true);
  if (exists(home)) return home; // another run has made it
  const work = `${cache}/debian.work`;
  await removeIfThere(work); // what a killed run left
  const mirror = await machineMirror();
  await run([
    // What it mounts goes with it, also when it is killed.
    "unshare",
    ..."--mount --pid --fork --kill-child --mount-proc".split(" "),
    MAKER,
    ..."--variant=minbase --mode=root --quiet".split(" "),
    // A mirror that stands still has a lapsed date; its signature has to hold.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    `--aptopt=APT::Default-Release "${NEWER}"`,
    ..."doc man locale".split(" ").map((name) =>
      `--dpkgopt=path-exclude=/usr/share/${name}/*`
    ),
    "--dpkgopt=force-unsafe-io",
    `--include=${PACKAGES.join(",")}`,
    ...[SUITE, work],
    ...[SUITE, NEWER].map((suite) => `deb ${mirror} ${suite} main`),
  ], { timeoutMs: TIMEOUT_MS });
  await run(
    ["npm", "install", "--global", "--prefix", `${work}/usr/local`, NPM],
    { timeoutMs: TIMEOUT_MS },
  );
  await Deno.rename(work, home); // all of it or nothing
  return home;
}

if (import.meta.main && canMakeDebian()) await bareDebian();
