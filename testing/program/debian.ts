/**
 * The files of a Debian, made from this machine's own mirror and kept in the
 * cache.
 *
 * @module
 */

import { machineMirror } from "../qemu/builds/apt.ts";
import { cacheFolder, removeIfThere } from "../qemu/builds/cache.ts";
import { run } from "../qemu/builds/child.ts";
import { exists } from "./exists.ts";

const MAKER = "/usr/bin/mmdebstrap";
const TIMEOUT_MS = 900_000;

/** What a Debian is made of. */
export interface DebianOptions {
  /** Its folder in the cache. */
  readonly name: string;
  /** The release, and what is preferred to it. */
  readonly suites: readonly [string, ...string[]];
  readonly packages: readonly string[];
  /** Called with the folder before it is kept. */
  readonly finish?: (folder: string) => Promise<void>;
}

/** Whether one can be made here. */
export function canMakeDebian(): boolean {
  return Deno.uid() === 0 && exists(MAKER) && Deno.build.arch === "x86_64";
}

/** Its folder, made the first time; not to be written to. */
export async function debian(
  { name, suites, packages, finish }: DebianOptions,
): Promise<string> {
  const cache = await cacheFolder();
  const home = `${cache}/${name}`;
  if (exists(home)) return home;
  using lock = await Deno.open(`${cache}/lock`, { create: true, write: true });
  await lock.lock(true);
  if (exists(home)) return home; // another run has made it
  const work = `${cache}/${name}.work`;
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
    `--aptopt=APT::Default-Release "${suites.at(-1)}"`,
    ..."doc man locale".split(" ").map((name) =>
      `--dpkgopt=path-exclude=/usr/share/${name}/*`
    ),
    "--dpkgopt=force-unsafe-io",
    `--include=${packages.join(",")}`,
    ...[suites[0], work],
    ...suites.map((suite) => `deb ${mirror} ${suite} main`),
  ], { timeoutMs: TIMEOUT_MS });
  await finish?.(work);
  await Deno.rename(work, home); // all of it or nothing
  return home;
}
