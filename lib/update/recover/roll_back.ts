/** Rolls back from the standby of a cprctl that was killed. */

import { LINUX } from "../linux.ts";
import type { Journal } from "../run/journal.ts";
import { MonitorQueue } from "../transaction/connections.ts";
import { rollBack } from "../phases/rollback.ts";
import { SavedState } from "../transaction/saved_state.ts";
import { STDERR, StderrTail } from "../transaction/stderr_tail.ts";
import { MigrationSettings } from "../vm/settings.ts";
import { runPhrase } from "../vm/run_state.ts";
import type { Holdings } from "../standby/holdings.ts";
import { Standby } from "../standby/standby.ts";
import { noStandby, type Recovery, type Unfinished } from "./recovery.ts";

/**
 * Ends the VM's process; the standby becomes the old program. This process
 * holds the memory as well, so that a failed attempt can be repeated.
 *
 * @param why the VM cannot be rolled forward
 */
export async function rollBackUnfinished(
  unfinished: Unfinished,
  why = reasonFor(unfinished),
): Promise<Recovery> {
  const { directory, journal, standby, process, request } = unfinished;
  const { vm, settings, carried = [] } = journal;
  if (standby === undefined) throw noStandby(unfinished);
  using state = SavedState.open(directory.stateFile);
  state.keep(false);
  using holdings = await standby.duplicate();
  const stderr = stderrOf(holdings, journal);
  await stderr.end();
  const { pid, warnings } = await rollBack({
    facts: vm,
    process: process ?? null,
    standby,
    startStandby: () =>
      Standby.start({
        directory: directory.path,
        context: holdings.context,
        groups: holdings.groups,
        files: holdings.files,
        argv: holdings.argv,
        self: request.self,
        strict: request.allowWeakerConfinement !== true,
      }),
    memory: holdings,
    system: LINUX,
    queue: MonitorQueue.among(
      holdings.preserved.map(({ fd }) => fd),
      vm.address,
    ),
    state,
    timeoutMs: request.timeoutMs,
    settings: new MigrationSettings(settings),
    commands: carried,
  });
  const output = await stderr.read();
  return {
    vm,
    pid,
    outcome: "rolled-back",
    message: [
      `The VM of process ${vm.pid} ${runPhrase(vm)} on the old program, as ` +
      `process ${pid}`,
      why,
      ...output === "" ? [] : [`it said: ${output}`],
      ...warnings,
    ].join("; "),
  };
}

/** Determined before the process is ended. */
function reasonFor({ journal: { vm }, process }: Unfinished): string {
  return process === undefined
    ? `process ${vm.pid} had ended`
    : `process ${vm.pid} did not answer`;
}

/** The output of the program that is ended, since the update began. */
function stderrOf({ preserved }: Holdings, { said }: Journal): StderrTail {
  const stderr = preserved.find(({ role }) =>
    "number" in role && role.number === STDERR
  );
  return StderrTail.from(stderr?.fd, said);
}
