/** The state file, the disk's lock, the monitor, another cprctl. */

import { assertEquals, assertMatch } from "@std/assert";
import { Fd } from "../../../ffi/fd.ts";
import { OsError } from "../../../ffi/libc.ts";
import { O_CREAT, O_WRONLY } from "../../../ffi/open_flags.ts";
import { baseDirectory } from "../../../lib/update/run/directory.ts";
import {
  commandOfAnother,
  SECOND_MONITOR,
  secondMonitor,
} from "../../../testing/qemu/mod.ts";
import { updateHere } from "../../../testing/update/cprctl.ts";
import { refused, rolledBack, updated } from "../harness/expected.ts";
import type { Action, Fault } from "../harness/fault.ts";
import type { Fixture } from "../../../testing/update/fixture.ts";
import { whenOf } from "./signals.ts";

/** Does something to the bytes of the state file. */
const toState =
  (change: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array): Action =>
  async (fixture) => {
    const path = await fixture.stateFile();
    Deno.writeFileSync(path, change(Deno.readFileSync(path)), {
      create: false,
    });
  };

const halve = toState((bytes) => bytes.subarray(0, bytes.length >> 1));
const empty = toState(() => new Uint8Array());
const flip = toState((bytes) => {
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
  return bytes;
});

export const STATE_FILE: readonly Fault[] = [
  {
    name: "state file is truncated",
    when: "while the VM waits for the switchover",
    at: { switchover: halve },
    expected: [updated(/altered/)],
    short: true,
  },
  {
    name: "state file is altered",
    when: "while the VM waits for the switchover",
    at: { switchover: flip },
    expected: [updated(/altered/)],
  },
  {
    name: "state file is truncated",
    when: "before the load",
    at: { load: halve },
    expected: [updated(/altered/)],
    short: true,
  },
  {
    name: "state file is emptied",
    when: "before the load",
    at: { load: empty },
    expected: [updated(/altered/)],
  },
  {
    name: "state file is altered",
    when: "before the load",
    at: { load: flip },
    expected: [updated(/altered/)],
  },
];

const SMALL = "32k";
const ENOUGH = "20m";

const fillBase: Action = async () => {
  const path = `${await baseDirectory()}/filler`;
  using file = Fd.open(path, O_CREAT | O_WRONLY);
  const piece = new Uint8Array(4096);
  try {
    for (;;) file.writeAll(piece);
  } catch (error) {
    if (!(error instanceof OsError) || error.code !== "ENOSPC") throw error;
  }
};

const mountBase = (size: string): Action => async (fixture) => {
  await fixture.mountTmpfs(await baseDirectory(), size);
};

export const NO_ROOM: readonly Fault[] = [
  {
    name: "state directory is full",
    when: "from the start",
    root: true,
    before: mountBase(SMALL),
    expected: [refused(/no room/)],
    short: true,
  },
  {
    name: "state directory is full",
    when: "before the guest stops",
    root: true,
    before: mountBase(ENOUGH),
    at: { migrate: fillBase },
    expected: [rolledBack(/No space left|Input.output error/)],
    short: true,
  },
];

/** Another program opens the disk, for good or until it is asked to leave. */
const takeLock: Action = async (fixture) => {
  const thief = fixture.stranger([
    fixture.tool("qemu-io"),
    "-f",
    "raw",
    fixture.vm.files.disk,
  ]);
  await thief.ask("length");
};

export const DISK_LOCK: readonly Fault[] = [
  {
    name: "another process locks the disk",
    when: "before the load, and released",
    at: { load: takeLock, rollback: (fixture) => fixture.strangersLeave() },
    expected: [rolledBack(/lock/)],
    short: true,
  },
  {
    name: "another process locks the disk",
    when: "before the load, and released late",
    at: {
      load: takeLock,
      rollback: (fixture) => {
        // Long enough for the first attempts to meet it.
        setTimeout(() => fixture.strangersLeave(), 1_500);
      },
    },
    expected: [rolledBack(/lock/)],
  },
  {
    name: "another process locks the disk",
    when: "after the load, and released",
    at: { commit: takeLock, rollback: (fixture) => fixture.strangersLeave() },
    expected: [rolledBack(/lock/)],
  },
];

const hidden = ({ vm }: Fixture) => `${vm.files.disk}.hidden`;
/** Nothing can open the disk, nor does the new program live. */
const hideDisk: Action = (fixture) => {
  Deno.renameSync(fixture.vm.files.disk, hidden(fixture));
  Deno.kill(fixture.vm.pid, "SIGKILL");
};
const showDisk: Action = (fixture) => {
  Deno.renameSync(hidden(fixture), fixture.vm.files.disk);
};

export const OLD_PROGRAM: readonly Fault[] = [
  {
    name: "neither program can start",
    when: "before the load, for a second",
    at: {
      load: hideDisk,
      rollback: (fixture) => {
        setTimeout(() => showDisk(fixture), 1_000);
      },
    },
    expected: [rolledBack(/Process \d+ ended/)],
    short: true,
  },
  {
    name: "neither program can start",
    when: "before the load; then recover",
    at: { load: hideDisk },
    timeoutMs: 8_000,
    after: showDisk,
    expected: [{
      outcome: "needs-person",
      vm: "old",
      says: /The rollback failed.*its memory is kept/,
      recovery: {
        outcome: "rolled-back",
        vm: "old",
        says: /on the old program/,
      },
    }],
    short: true,
  },
];

/** A second update of the same VM, while the first is at it. */
const updateToo =
  (monitor: (folder: string) => string): Action => async (fixture) => {
    const second = await updateHere({
      qmp: monitor(fixture.vm.folder),
      binary: fixture.binary,
      timeoutMs: 1_000,
    });
    assertEquals(second.exitCode, 3);
    assertMatch(second.said, /Another (cprctl is working on|client holds)/);
  };

/** What somebody at another monitor does at the wrong time. */
const letRun: Action = ({ vm }) => commandOfAnother(vm, "cont");

export const OTHERS: readonly Fault[] = [
  {
    name: "another client holds the monitor",
    when: "from the start",
    before: async (fixture) => {
      fixture.use(await fixture.vm.monitor());
    },
    timeoutMs: 1_000,
    expected: [refused(/Another client holds the monitor/)],
    short: true,
  },
  ...(["preflight", "hold", "commit"] as const).map((phase): Fault => ({
    name: "second cprctl at the same monitor",
    when: `in phase ${phase}`,
    at: { [phase]: updateToo((folder) => `${folder}/qmp.sock`) },
    expected: [updated(/^$/)],
  })),
  ...(["preflight", "hold", "commit"] as const).map((phase): Fault => ({
    name: "second cprctl at another monitor",
    when: `in phase ${phase}`,
    extra: SECOND_MONITOR,
    at: { [phase]: updateToo((folder) => secondMonitor(folder).path) },
    expected: [updated(/^$/)],
    ...phase === "hold" ? { short: true } : {},
  })),
  ...(["load", "commit"] as const).map((phase): Fault => ({
    name: "another client resumes the guest",
    when: whenOf(phase),
    extra: SECOND_MONITOR,
    at: { [phase]: letRun },
    expected: [updated(/^$/)],
    fits: ({ paused }) => paused !== true,
  })),
];
