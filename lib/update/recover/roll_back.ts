/** Back to the old program, from what another cprctl's standby holds. */

import { LINUX } from "../linux.ts";
import type { Journal } from "../run/journal.ts";
import { LastWords, STDERR } from "../transaction/last_words.ts";
import { MonitorQueue } from "../transaction/monitor_queue.ts";
import { rollBack } from "../phases/rollback.ts";
import { SavedState } from "../transaction/saved_state.ts";
import { MigrationSettings } from "../vm/migration_settings.ts";
import type { Holdings } from "../standby/holdings.ts";
import { Standby } from "../standby/standby.ts";
import { noStandby, type Recovery, type Unfinished } from "./recovery.ts";

/**
 * Ends the process and makes the standby the old program. Meanwhile the memory
 * is held here as well: a try that fails does not use it up.
 *
 * @param why the program that has the VM cannot be rolled forward
 */
export async function rollBackUnfinished(
  unfinished: Unfinished,
  why = silence(unfinished),
): Promise<Recovery> {
  const { directory, journal, standby, process, request } = unfinished;
  const { vm, settings } = journal;
  if (standby === undefined) throw noStandby(unfinished);
  using state = SavedState.open(directory.stateFile);
  state.keep(false);
  using holdings = await standby.duplicate();
  const words = wordsIn(holdings, journal);
  await words.end();
  const { pid, warnings } = await rollBack({
    facts: vm,
    process: process ?? null,
    standby,
    anotherStandby: async () => {
      const another = await Standby.start({
        directory: directory.path,
        context: holdings.context,
        groups: holdings.groups,
        files: holdings.files,
        argv: holdings.argv,
        self: request.self,
        strict: request.allowWeakerConfinement !== true,
      });
      await another.hold(holdings.preserved);
      return another;
    },
    system: LINUX,
    queue: MonitorQueue.among(
      holdings.preserved.map(({ fd }) => fd),
      vm.address,
    ),
    state,
    timeoutMs: request.timeoutMs,
    settings: new MigrationSettings(settings),
  });
  const heard = await words.heard();
  return {
    vm,
    pid,
    outcome: "rolled-back",
    message: [
      `The VM of process ${vm.pid} ${
        vm.running ? "runs" : `is ${vm.runState}`
      } on the old program, as process ${pid}`,
      why,
      ...heard === "" ? [] : [`it said: ${heard}`],
      ...warnings,
    ].join("; "),
  };
}

/** Why the VM is not rolled forward: what was found before anything is ended. */
function silence({ journal: { vm }, process }: Unfinished): string {
  return process === undefined
    ? `process ${vm.pid} had ended`
    : `process ${vm.pid} did not answer`;
}

/** What the program said that is to be replaced, since the update began. */
function wordsIn({ preserved }: Holdings, { said }: Journal): LastWords {
  const stderr = preserved.find(({ role }) =>
    "number" in role && role.number === STDERR
  );
  return LastWords.from(stderr?.fd, said);
}
