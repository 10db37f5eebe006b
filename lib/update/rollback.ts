/**
 * Back to the old program, from what is held: whatever the new one did, guest
 * RAM and the saved state are as they were.
 *
 * @module
 */

import type { Child } from "../../ffi/child.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import type { PidFd } from "../../ffi/process.ts";
import { CPR_EXEC_STATE, encodeCprState } from "../cpr/mod.ts";
import type { QmpEvent } from "../qmp/mod.ts";
import { messageOf, NeedsPersonError } from "./error.ts";
import type { VmRecord } from "./facts.ts";
import type { Hold } from "./hold.ts";
import type { MigrationSettings } from "./migration_settings.ts";
import { NewSide } from "./new_side.ts";
import type { SavedState } from "./saved_state.ts";
import { restoreThreads } from "./threads.ts";
import type { Anchors } from "./world/anchors.ts";
import { launch } from "./world/launch.ts";
import type { World } from "./world/world.ts";

/** A killed QEMU with terabytes of RAM takes a while to be gone. */
const KILL_TIMEOUT_MS = 60_000;

/** What there is to go back with. */
export interface WayBack {
  readonly facts: VmRecord;
  readonly process: PidFd;
  readonly hold: Hold;
  readonly state: SavedState;
  readonly world: World;
  readonly anchors: Anchors;
  /** The old program's command line, made to wait for its state. */
  readonly argv: readonly string[];
  /** The words that start cprctl. */
  readonly self: readonly string[];
  readonly timeoutMs: number;
  /** The migration settings of before, where they are known. */
  readonly settings: MigrationSettings | undefined;
}

/** What became of a VM that went back. */
export interface Return {
  /** The VM's process from now on. */
  readonly pid: number;
  /** The RESUME event; undefined where the VM was not running. */
  readonly resume: QmpEvent | undefined;
  /** What could not be given back to its threads. */
  readonly warnings: readonly string[];
}

/**
 * Ends the new program and starts the old one in its place.
 *
 * @throws {NeedsPersonError} when the old program does not take the VM back
 */
export async function rollBack(way: WayBack): Promise<Return> {
  await endProcess(way.process);
  way.state.restore();
  using child = startOld(way);
  let resume: QmpEvent | undefined;
  let warnings: string[];
  try {
    await using old = await NewSide.connect(
      { ...way.facts, pid: child.pid },
      way.timeoutMs,
    );
    await old.load(`file:${way.state.path}`);
    warnings = await restoreThreads(old.client, child.pid, way.facts.threads);
    if (way.facts.running) resume = await old.resume();
    warnings.push(...await way.settings?.giveBack(old.client) ?? []);
  } catch (error) {
    throw new NeedsPersonError(
      "rollback-failed",
      "The old program does not take the VM back, and the VM does not run: " +
        messageOf(error),
      { cause: error },
    );
  }
  return { pid: child.release(), resume, warnings };
}

/** SIGKILL, never `quit`: that would mark persistent bitmaps inconsistent. */
async function endProcess(process: PidFd): Promise<void> {
  if (!process.hasExited()) process.sendSignal("SIGKILL");
  if (await process.exited(KILL_TIMEOUT_MS)) return;
  throw new NeedsPersonError(
    "new-side-stuck",
    `Process ${process.pid} does not end on SIGKILL; while it is there the ` +
      "VM cannot be started elsewhere",
    { remedy: "Find out what it waits for in the kernel, then run it again" },
  );
}

function startOld(way: WayBack): Child {
  using memfd = createMemfd(CPR_EXEC_STATE);
  memfd.writeAll(encodeCprState(way.hold.cprState));
  const descriptors = new Map(way.hold.descriptors);
  const number = Math.max(...descriptors.keys()) + 1;
  descriptors.set(number, memfd);
  return launch({
    world: way.world,
    anchors: way.anchors,
    argv: way.argv,
    variables: { [CPR_EXEC_STATE]: String(number) },
    descriptors,
    self: way.self,
  });
}
