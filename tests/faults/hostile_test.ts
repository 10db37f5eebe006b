/** A VM whose program lies gains nothing, and cannot hang the tool. */

import { assert, assertMatch } from "@std/assert";
import { Lab, RAM } from "../machine/e2e/harness/mod.ts";
import { exists } from "../program/exists.ts";
import { MARK } from "../qemu/harness/reaper.ts";
import { until } from "../qemu/harness/until.ts";
import { Base } from "./harness/base.ts";
import { type Ending, SELF, updateHere } from "./harness/cprctl.ts";
import { withoutLeaks } from "./harness/without_leaks.ts";

/** Enough for an honest machine, and not for a long wait where one is sure. */
const TIMEOUT_MS = 5_000;
/** Of those who keep us waiting. */
const WAITS = /^(silent|flood|noise|foreign|owing|slow|unsettled|moves)/;
const LONG_TIMEOUT_MS = 30_000;
/** The update's own deadline is far below it. */
const HANGS_MS = 60_000;
const ENOUGH_MEMORY = 768 * 1024 ** 2;

const PROGRAM = new URL("programs/hostile.ts", import.meta.url).pathname;

/** What the tool says in the end. */
const TRICKS: readonly (readonly [trick: string, says: RegExp])[] = [
  ["silent@qmp_capabilities", /No answer to "qmp_capabilities"/],
  ["silent@query-status", /No answer to "query-status"/],
  ["silent@migrate-set-parameters", /was not looked at to the end/],
  ["silent@migrate", /No answer to "migrate"/],
  ["silent@migrate-continue", /No answer to "migrate-continue"/],
  ["flood@query-status", /No answer to "query-status"/],
  ["flood@migrate", /floods us with events/],
  ["noise@query-status", /No answer to "query-status"/],
  ["noise@migrate", /No answer to "migrate"/],
  ["endless@query-name", /a message longer than/],
  ["deep@query-name", /broke the protocol/],
  ["foreign@query-name", /No answer to "query-name"/],
  ["owing@query-name", /floods us with answers to others/],
  ["slow@query-name", /No answer to "query-name"/],
  ["many@qom-list", /qom-get/],
  ["unsettled@query-status", /No answer|run state/],
  ["cpr-garbage", /CPR state is malformed/],
  ["cpr-torn", /CPR state/],
  ["cpr-sparse", /File too large/],
  ["cpr-twice", /twice/],
  ["cpr-unknown", /descriptor 99999/],
  ["cpr-negative", /descriptor -5/],
  ["cpr-many", /names 10000 descriptors/],
  ["state-empty", /ends early/],
  ["state-garbage", /not a migration stream/],
  ["state-sparse", /far more than devices need/],
  // After the exec it is the real machine's process that answers.
  ["moves", /Process \d+ answers at the monitor of the VM, which is process/],
];

for (const [trick, says] of TRICKS) {
  Deno.test(`nothing is gained by ${trick}`, async () => {
    await using _base = await Base.make();
    await using lab = await Lab.open();
    const qmp = lab.path("hostile.qmp");
    const [program = "", ...args] = SELF.slice(0, -1);
    await using hostile = new Deno.Command(program, {
      args: [...args, PROGRAM, trick, qmp, "machine", ...RAM],
      env: { [MARK]: lab.folder },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until("it listens", HANGS_MS, () => exists(qmp));
    const honest = await childOf(hostile.pid);
    const before = Deno.memoryUsage().rss;
    const timeoutMs = WAITS.test(trick) ? TIMEOUT_MS : LONG_TIMEOUT_MS;
    const ending = await inTime(() =>
      updateHere({ qmp, binary: undefined, timeoutMs }, noPhase)
    );
    assertMatch(ending.said, says);
    assert([3, 4, 5].includes(ending.exitCode ?? 0), `${ending.exitCode}`);
    assert(Deno.memoryUsage().rss - before < ENOUGH_MEMORY);
    assert(isAlive(honest), "Somebody else's process was ended");
  });
}

/** The process of the machine that the liar stands before. */
async function childOf(pid: number): Promise<number> {
  const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  return Number(children.trim());
}

function isAlive(pid: number): boolean {
  return exists(`/proc/${pid}/exe`);
}

const noPhase = () => Promise.resolve();

/** Fails a test that hangs, rather than hang. */
async function inTime(run: () => Promise<Ending>): Promise<Ending> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error("The update hangs")),
    HANGS_MS,
  );
  try {
    return await Promise.race([withoutLeaks(run), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
