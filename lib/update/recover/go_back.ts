/** Back to the old program, from what another cprctl's keeper holds. */

import { MonitorQueue } from "../transaction/monitor_queue.ts";
import { rollBack } from "../transaction/rollback.ts";
import { SavedState } from "../transaction/saved_state.ts";
import { MigrationSettings } from "../vm/migration_settings.ts";
import { Keeper } from "../world/keeper.ts";
import { type Leftover, nobodyKeeps, type Recovery } from "./recovery.ts";

/**
 * Ends the process and makes the keeper the old program. Meanwhile the memory
 * is held here as well: a try that fails does not use it up.
 */
export async function goBack(leftover: Leftover): Promise<Recovery> {
  const { directory, journal, keeper, process, request } = leftover;
  const { vm, settings } = journal;
  if (keeper === undefined) throw nobodyKeeps(leftover);
  using state = SavedState.open(directory.stateFile);
  state.keep(false);
  using estate = await keeper.borrow();
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
  return {
    vm,
    pid,
    outcome: "rolled-back",
    message: [
      `The VM of process ${vm.pid} ${
        vm.running ? "runs" : `is ${vm.runState}`
      } on the old program, as process ${pid}`,
      ...warnings,
    ].join("; "),
  };
}
