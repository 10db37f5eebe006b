/**
 * The two builds of QEMU between which virtual machines are moved, and earlier
 * releases, which know no cpr-exec.
 *
 * @module
 */

import { ifThere } from "../../../lib/gone.ts";
import { AptRoot, machineMirror } from "./apt.ts";
import { cacheFolder, removeIfThere } from "./cache.ts";
import { run } from "./child.ts";
import { install, PACKAGES } from "./install.ts";
import {
  compareVersions,
  knowsCprExec,
  parseVersion,
  upstreamVersion,
} from "./version.ts";

/** A QEMU that can be run. */
export interface QemuBuild {
  /** Absolute path of qemu-system-x86_64. */
  readonly binary: string;
  /** Its release, such as "11.1.2". */
  readonly version: string;
  /** Its package as it names it, such as "Debian 1:11.1.2+ds-3"; or empty. */
  readonly package: string;
}

/** Fetched ones are two files, even of one release; the lower one is old. */
export interface QemuBuilds {
  readonly old: QemuBuild;
  readonly new: QemuBuild;
}

/** A Debian suite, and before it the one that it adds to. */
type Suites = readonly [...string[], string];

/** A suite that has a QEMU for us. */
interface Source {
  readonly suite: string;
  readonly apt: AptRoot;
  readonly version: string;
}

const VERSION_TIMEOUT_MS = 10_000;

/**
 * The builds named by CPRCTL_QEMU_OLD and CPRCTL_QEMU_NEW; without them, two
 * from Debian, fetched the first time into a cache folder (.cache/qemu, or
 * qemu in the folder that CPRCTL_CACHE names).
 *
 * @param say receives lines of progress
 */
export async function qemuBuilds(
  say: (line: string) => void = () => {},
): Promise<QemuBuilds> {
  const ownOld = Deno.env.get("CPRCTL_QEMU_OLD");
  const ownNew = Deno.env.get("CPRCTL_QEMU_NEW");
  const folder = ownOld && ownNew ? "" : await fetched(
    "qemu",
    (work, target, home) => fetchBuilds(work, target, home, say),
  );
  return {
    old: await describe(ownOld || binaryIn(folder, "old")),
    new: await describe(ownNew || binaryIn(folder, "new")),
  };
}

/** Debian 12 and 13, with QEMU 7.2 and 10.0. */
const EARLIER = ["bookworm", "trixie"] as const;

/**
 * Builds of earlier releases, fetched the first time into a cache folder
 * (.cache/qemu-earlier, or qemu-earlier in the folder that CPRCTL_CACHE names).
 *
 * @param say receives lines of progress
 */
export async function earlierBuilds(
  say: (line: string) => void = () => {},
): Promise<QemuBuild[]> {
  const folder = await fetched("qemu-earlier", async (work, target, home) => {
    const mirror = await machineMirror();
    for (const suite of EARLIER) {
      const apt = await AptRoot.create(`${work}/${suite}`, mirror, [suite]);
      const version = upstreamVersion(await apt.candidate("qemu-system-x86"));
      say(`Fetch QEMU ${version} from ${suite}`);
      const packages = await apt.download(PACKAGES);
      await install(packages, `${target}/${suite}`, `${home}/${suite}`);
    }
  });
  return await Promise.all(
    EARLIER.map((suite) => describe(binaryIn(folder, suite))),
  );
}

/** As {@linkcode qemuBuilds}; undefined where it would have to fetch them. */
export async function knownBuilds(): Promise<QemuBuilds | undefined> {
  const named = Deno.env.get("CPRCTL_QEMU_OLD") &&
    Deno.env.get("CPRCTL_QEMU_NEW");
  const isHere = named || await isComplete(`${await cacheFolder()}/qemu`);
  return isHere ? await qemuBuilds() : undefined;
}

/** Another program of the same build, such as "qemu-img". */
export function toolOf(build: QemuBuild, name: string): string {
  return build.binary.replace(/[^/]*$/, name);
}

async function describe(binary: string): Promise<QemuBuild> {
  const path = await Deno.realPath(binary).catch((cause) => {
    throw new Error(`Cannot use QEMU "${binary}": ${cause.message}`, { cause });
  });
  const text = await run([path, "--version"], {
    timeoutMs: VERSION_TIMEOUT_MS,
  });
  return { binary: path, ...parseVersion(text) };
}

function binaryIn(folder: string, name: string): string {
  return `${folder}/${name}/usr/bin/qemu-system-x86_64`;
}

/**
 * A folder of the cache with builds, fetched if they are not there.
 *
 * @param fetch puts them into `target`, made to run from `home`
 */
async function fetched(
  name: string,
  fetch: (work: string, target: string, home: string) => Promise<void>,
): Promise<string> {
  const cache = await cacheFolder();
  const home = `${cache}/${name}`;
  if (await isComplete(home)) return home;
  // Another run may be at it; its children have deadlines.
  using lock = await Deno.open(`${cache}/lock`, { create: true, write: true });
  await lock.lock(true);
  if (await isComplete(home)) return home;
  const work = `${cache}/fetch`;
  await removeIfThere(work); // what a killed run left
  const target = `${work}/target`;
  await Deno.mkdir(target, { recursive: true });
  try {
    await fetch(work, target, home);
    await Deno.writeTextFile(stampOf(target), home);
    await removeIfThere(home);
    await Deno.rename(target, home); // all of it or nothing
    return home;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Names the only place where the builds run: their loader's path is fixed. */
function stampOf(folder: string): string {
  return `${folder}/home.txt`;
}

async function isComplete(home: string): Promise<boolean> {
  return await ifThere(Deno.readTextFile(stampOf(home))) === home;
}

/** Two builds side by side. */
async function fetchBuilds(
  work: string,
  target: string,
  home: string,
  say: (line: string) => void,
): Promise<void> {
  const mirror = await machineMirror();
  const open = (suites: Suites) => openSource(work, mirror, suites);
  const [backports, forky] = await both(
    open(["trixie", "trixie-backports"]),
    open(["forky"]),
  );
  const other = byVersion(backports, forky) ? forky : await open(["sid"]);
  const [lower, higher] = byVersion(other, backports) < 0
    ? [other, backports]
    : [backports, other];
  const unpack = async ({ suite, version, apt }: Source, name: string) => {
    say(`Fetch QEMU ${version} from ${suite}`);
    const packages = await apt.download(PACKAGES);
    await install(packages, `${target}/${name}`, `${home}/${name}`);
  };
  await both(unpack(lower, "old"), unpack(higher, "new"));
}

async function openSource(
  work: string,
  mirror: string,
  suites: Suites,
): Promise<Source> {
  const suite = suites[suites.length - 1] ?? "";
  const apt = await AptRoot.create(`${work}/${suite}`, mirror, suites);
  const version = upstreamVersion(await apt.candidate("qemu-system-x86"));
  if (!knowsCprExec(version)) {
    throw new Error(`Cannot use QEMU ${version} of ${suite}: no cpr-exec`);
  }
  return { suite, apt, version };
}

/** Waits for both even if one fails: nothing may work on in a removed folder. */
async function both<T>(a: Promise<T>, b: Promise<T>): Promise<[T, T]> {
  await Promise.allSettled([a, b]);
  return [await a, await b];
}

function byVersion(a: Source, b: Source): number {
  return compareVersions(a.version, b.version);
}
