/**
 * Back to the old program, from what is held: whatever the new one did, guest
 * RAM and the saved state are as they were.
 *
 * @module
 */

import type { PidFd } from "../../ffi/process.ts";
import { QmpCommandError, type QmpEvent } from "../qmp/mod.ts";
import { messageOf, NeedsPersonError } from "./error.ts";
import type { VmRecord } from "./facts.ts";
import type { MigrationSettings } from "./migration_settings.ts";
import { NewSide } from "./new_side.ts";
import type { SavedState } from "./saved_state.ts";
import { restoreThreads } from "./threads.ts";
import type { Keeper } from "./world/keeper.ts";

/** A killed QEMU with terabytes of RAM takes a while to be gone. */
const KILL_TIMEOUT_MS = 60_000;
/** Between two attempts to let the guest run; then twice as long each time. */
const FIRST_PAUSE_MS = 20;

/** What there is to go back with. */
export interface WayBack {
  readonly facts: VmRecord;
  /** The process to end; null where it is gone already. */
  readonly process: PidFd | null;
  /** Who holds the memory and becomes the old program. */
  readonly keeper: Keeper;
  readonly state: SavedState;
  readonly timeoutMs: number;
  /** The migration settings of before. */
  readonly settings: MigrationSettings;
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
  if (way.process !== null) await endProcess(way.process);
  way.state.restore();
  let pid: number;
  let resume: QmpEvent | undefined;
  let warnings: string[];
  try {
    pid = await way.keeper.go();
    await using old = await NewSide.connect(
      { ...way.facts, pid },
      way.timeoutMs,
    );
    await old.load(`file:${way.state.path}`);
    warnings = await restoreThreads(old.client, pid, way.facts.threads);
    if (way.facts.running) resume = await resumeAgain(old, way.timeoutMs);
    warnings.push(...await way.settings.giveBack(old.client));
  } catch (error) {
    if (error instanceof NeedsPersonError) throw error;
    throw new NeedsPersonError(
      "rollback-failed",
      "The old program does not take the VM back, and the VM does not run: " +
        messageOf(error),
      { cause: error },
    );
  }
  return { pid, resume, warnings };
}

/**
 * Lets the guest run; asks again while that is refused: another process may
 * have a disk's lock, and give it back.
 */
async function resumeAgain(old: NewSide, timeoutMs: number): Promise<QmpEvent> {
  const deadline = performance.now() + timeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs *= 2) {
    try {
      return await old.resume();
    } catch (error) {
      if (!(error instanceof QmpCommandError)) throw error;
      if (performance.now() + pauseMs > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
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
