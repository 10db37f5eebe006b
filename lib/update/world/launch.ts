import { Fd } from "../../../ffi/fd.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { type Child } from "../../../ffi/child.ts";
import { getLimit } from "../../../ffi/limits.ts";
import { spawn } from "../../../ffi/spawn.ts";
import type { Anchors } from "./anchors.ts";
import { LAUNCHER_WORD, type LaunchOrder } from "./launch_order.ts";
import { NAMESPACES, type World } from "./world.ts";

/** A program to start in the place of a process that is gone. */
export interface Launch {
  readonly world: World;
  readonly anchors: Anchors;
  readonly argv: readonly string[];
  /** Added to the world's environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** What the program is to have open: number there, descriptor here. */
  readonly descriptors: ReadonlyMap<number, Fd>;
  /** The words that start cprctl. */
  readonly self: readonly string[];
}

/**
 * Starts the program. It leads a session of its own and outlives this process.
 *
 * @throws {OsError} when the launcher cannot be started
 */
export function launch(order: Launch): Child {
  const descriptors = new Map<number, number>();
  for (const [number, fd] of order.descriptors) {
    descriptors.set(number, fd.number);
  }
  let free = Math.max(2, ...descriptors.keys());
  const give = (fd: Fd): number => {
    descriptors.set(++free, fd.number);
    return free;
  };
  const { anchors } = order;
  const namespaces = NAMESPACES.flatMap((kind) => {
    const namespace = anchors.namespaces.get(kind);
    return namespace === undefined ? [] : [give(namespace)];
  });
  using memfd = createMemfd("cprctl-launch");
  const told: LaunchOrder = {
    world: order.world,
    argv: order.argv,
    variables: order.variables,
    executable: give(anchors.executable),
    cwd: give(anchors.cwd),
    namespaces,
  };
  memfd.writeAll(new TextEncoder().encode(JSON.stringify(told)));
  const number = give(memfd);
  return spawn([...order.self, LAUNCHER_WORD, String(number)], {
    descriptors,
    newSession: true,
    // The VM's own limit, set by the launcher, may be below its descriptors.
    openFiles: getLimit("NOFILE"),
  });
}
