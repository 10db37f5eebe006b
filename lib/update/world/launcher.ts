/**
 * The launcher: this program once more, in a process of its own, which takes
 * on the place of the process that is gone and then executes its program.
 * posix_spawn can do little of this, and nothing may run between fork and exec
 * of a program with threads.
 *
 * @module
 */

import { execvp } from "../../../ffi/exec.ts";
import { Fd } from "../../../ffi/fd.ts";
import {
  becomeUser,
  changeDirectory,
  changeRoot,
  enterNamespace,
  setUmask,
} from "../../../ffi/identity.ts";
import { getLimit, resources, setLimit } from "../../../ffi/limits.ts";
import { geteuid } from "../../../ffi/process.ts";
import { joinCgroups, otherCgroups, parseCgroups } from "./cgroups.ts";
import type { LaunchOrder } from "./launch_order.ts";
import { givePlacement } from "./placement.ts";
import type { World } from "./world.ts";

const MAXIMUM_ORDER = 8 * 1024 * 1024;
/** The one that executes. */
const THIS_THREAD = 0;

/**
 * Carries out the order in a memfd; returns only by throwing.
 *
 * @param words the number of the memfd
 */
export function runLauncher(words: readonly string[]): never {
  const order = readOrder(Number(words[0]));
  const { world } = order;
  const executable = Fd.adopt(order.executable);
  const cwd = Fd.adopt(order.cwd);
  const namespaces = order.namespaces.map((number) => Fd.adopt(number));
  // What the program is not to inherit is closed by exec.
  for (const fd of [executable, cwd, ...namespaces]) fd.setCloexec(true);

  joinCgroupsOf(world);
  Deno.writeTextFileSync("/proc/self/oom_score_adj", `${world.oomScoreAdj}`);
  for (const namespace of namespaces) enterNamespace(namespace);
  if (world.root !== "/") changeRoot(world.root);
  changeDirectory(cwd);
  setUmask(world.umask);
  // What cannot be given is told by cprctl, which looks at the threads later.
  givePlacement(THIS_THREAD, world.placement);
  setLimits(world);
  if (geteuid() !== world.credentials.uid) becomeUser(world.credentials);
  const [soft = "0", hard = "0"] = world.limits.NOFILE ?? [];
  return execvp(order.argv, {
    file: `/proc/self/fd/${executable.number}`,
    environment: { ...world.environment, ...order.variables },
    openFiles: { soft: BigInt(soft), hard: BigInt(hard) },
  });
}

function readOrder(number: number): LaunchOrder {
  using memfd = Fd.adopt(number);
  memfd.seek(0);
  const text = new TextDecoder().decode(memfd.readAll(MAXIMUM_ORDER));
  // Written by this same program a moment ago.
  return JSON.parse(text) as LaunchOrder;
}

/** Best effort: without root the process stays where cprctl is. */
function joinCgroupsOf(world: World): void {
  if (geteuid() !== 0) return;
  const own = parseCgroups(Deno.readTextFileSync("/proc/self/cgroup"));
  const missing = otherCgroups(world.cgroups, own);
  for (const problem of joinCgroups("process", Deno.pid, missing)) {
    console.error(`cprctl: cannot join ${problem}`);
  }
}

function setLimits(world: World): void {
  for (const resource of resources) {
    const wanted = world.limits[resource];
    if (wanted === undefined) continue;
    const [soft, hard] = wanted.map(BigInt);
    const now = getLimit(resource);
    if (soft === now.soft && hard === now.hard) continue;
    if (soft !== undefined && hard !== undefined) {
      setLimit(resource, { soft, hard });
    }
  }
}
