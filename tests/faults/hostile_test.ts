/** A VM whose program lies gains nothing, and cannot hang the tool. */

import { assert, assertMatch } from "@std/assert";
import { Lab, RAM } from "../../testing/machine/mod.ts";
import { exists } from "../../testing/program/exists.ts";
import { MARK } from "../../testing/program/reaper.ts";
import { until } from "../../testing/program/until.ts";
import { Base } from "../../testing/program/base.ts";
import { type Ending, SELF, updateHere } from "../../testing/update/cprctl.ts";
import { withoutLeaks } from "./harness/without_leaks.ts";

/**
 * Of the updates of those who keep us waiting, one after another until one gets
 * as far as the trick: on a busy host that may be late.
 */
const WAITS = /^(silent|flood@query|noise|foreign|slow)/;
const TIMEOUTS_MS = [3_000, 20_000, 180_000];
/** Of all others, which end by themselves. */
const LONG_TIMEOUTS_MS = [180_000];
/** An update takes no longer than its deadline, nor its rollback, and this. */
const HANGS_MS = 60_000;
const ENOUGH_MEMORY = 768 * 1024 ** 2;

const PROGRAM = new URL("programs/hostile.ts", import.meta.url).pathname;

/** What the tool says in the end. */
const TRICKS: readonly (readonly [trick: string, says: RegExp])[] = [
  ["silent@qmp_capabilities", /No answer to "qmp_capabilities"/],
  ["silent@query-status", /No answer to "query-status"/],
  ["silent@migrate-set-parameters", /checks of the VM were not complete/],
  ["silent@migrate", /No answer to "migrate"/],
  ["silent@migrate-continue", /No answer to "migrate-continue"/],
  ["flood@query-status", /No answer to "query-status"/],
  ["flood@migrate", /sent too many events/],
  ["noise@query-status", /No answer to "query-status"/],
  ["noise@migrate", /No answer to "migrate"/],
  ["endless@query-name", /a message longer than/],
  ["deep@query-name", /violated the protocol/],
  ["foreign@query-name", /No answer to "query-name"/],
  ["owing@query-name", /sent too many replies to earlier clients/],
  ["slow@query-name", /No answer to "query-name"/],
  ["many@qom-list", /qom-get/],
  ["crowd@qom-list", /more than \d+ values/],
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
  ["state-sparse", /more than devices can need/],
  // After the exec it is the real machine's process that answers.
  ["moves", /Process \d+ answers at the monitor of the VM, which is process/],
];

for (const [trick, says] of TRICKS) {
  Deno.test(`nothing is gained by ${trick}`, async () => {
    const timeouts = WAITS.test(trick) ? TIMEOUTS_MS : LONG_TIMEOUTS_MS;
    for (const timeoutMs of timeouts) {
      const { ending, played, isHonestAlive } = await attempt(trick, timeoutMs);
      // Too late for it: nothing was found out.
      if (!played && timeoutMs !== timeouts.at(-1)) continue;
      assertMatch(ending.said, says);
      assert([3, 4, 5].includes(ending.exitCode ?? 0), `${ending.exitCode}`);
      // A child that answers in the VM's place is ended with the VM.
      if (trick !== "moves") {
        assert(isHonestAlive, "Somebody else's process was ended");
      }
      return;
    }
  });
}

/** An update of a liar. */
async function attempt(trick: string, timeoutMs: number) {
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
  await until("the machine behind it greets", HANGS_MS, () => greets(qmp));
  const honest = await childOf(hostile.pid);
  const before = Deno.memoryUsage().rss;
  const ending = await inTime(
    () => updateHere({ qmp, binary: undefined, timeoutMs }),
    2 * timeoutMs + HANGS_MS,
  );
  assert(Deno.memoryUsage().rss - before < ENOUGH_MEMORY);
  return {
    ending,
    played: exists(`${qmp}.played`),
    isHonestAlive: isAlive(honest),
  };
}

/** Whether the liar lets somebody in, and its machine says the first word. */
async function greets(path: string): Promise<boolean> {
  try {
    using client = await Deno.connect({ transport: "unix", path });
    return await client.read(new Uint8Array(1)) !== null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}

/** The process of the machine that the liar stands before. */
async function childOf(pid: number): Promise<number> {
  const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  return Number(children.trim());
}

function isAlive(pid: number): boolean {
  return exists(`/proc/${pid}/exe`);
}

/** Fails a test that hangs, rather than hang. */
async function inTime(
  run: () => Promise<Ending>,
  timeoutMs: number,
): Promise<Ending> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error("The update hangs")),
    timeoutMs,
  );
  try {
    return await Promise.race([withoutLeaks(run), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
