/** Back to the old program, from what another cprctl's keeper holds. */

import type { Journal } from "../run/journal.ts";
import { LastWords, STDERR } from "../transaction/last_words.ts";
import { MonitorQueue } from "../transaction/monitor_queue.ts";
import { rollBack } from "../transaction/rollback.ts";
import { SavedState } from "../transaction/saved_state.ts";
import { MigrationSettings } from "../vm/migration_settings.ts";
import type { Estate } from "../world/estate.ts";
import { Keeper } from "../world/keeper.ts";
import { type Leftover, nobodyKeeps, type Recovery } from "./recovery.ts";

/**
 * Ends the process and makes the keeper the old program. Meanwhile the memory
 * is held here as well: a try that fails does not use it up.
 *
 * @param why the program that has the VM cannot be led on
 */
export async function goBack(
  leftover: Leftover,
  why = silence(leftover),
): Promise<Recovery> {
  const { directory, journal, keeper, process, request } = leftover;
  const { vm, settings } = journal;
  if (keeper === undefined) throw nobodyKeeps(leftover);
  using state = SavedState.open(directory.stateFile);
  state.keep(false);
  using estate = await keeper.borrow();
  const words = wordsIn(estate, journal);
  await words.end();
  const { pid, warnings } = await rollBack({
    facts: vm,
    process: process ?? null,
    keeper,
    anotherKeeper: async () => {
      const another = await Keeper.start({
        directory: directory.path,
        world: estate.world,
        groups: estate.groups,
        place: estate.place,
        argv: estate.argv,
        self: request.self,
        strict: request.allowWeakerConfinement !== true,
      });
      await another.hold(estate.kept);
      return another;
    },
    queue: MonitorQueue.among(estate.kept.map(({ fd }) => fd), vm.address),
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

/** Why nobody is led on: what was found at first, before anything is ended. */
function silence({ journal: { vm }, process }: Leftover): string {
  return process === undefined
    ? `process ${vm.pid} had ended`
    : `process ${vm.pid} did not answer`;
}

/** What the program said that is to be replaced, since the update began. */
function wordsIn({ kept }: Estate, { said }: Journal): LastWords {
  const stderr = kept.find(({ held }) =>
    "number" in held && held.number === STDERR
  );
  return LastWords.from(stderr?.fd, said);
}
