import { CommandLine, plainTerminals } from "../command/command_line.ts";
import { withVhost } from "../command/vhost_rule.ts";
import type { UpdateContext } from "../context.ts";
import { withClosed } from "../vm/left_open.ts";
import { refuseIfInterrupted } from "../transaction/deferred_signals.ts";
import { Source } from "../transaction/source.ts";
import { warmUpHash } from "../verify/firmware.ts";
import { MigrationSettings } from "../vm/settings.ts";

/**
 * Makes everything that a rollback needs: run directory and journal, the
 * standby process, the state file. Sets the migration parameters, and does in
 * advance what would otherwise add to the downtime.
 *
 * @throws {UpdateError} the VM is untouched
 */
export async function prepare(context: UpdateContext): Promise<void> {
  const { client, facts, plan, request, system } = context;
  const settings = await MigrationSettings.read(client);
  const directory = context.use(await system.runDirectory(facts));
  const writeJournal = await system.journal(
    directory,
    facts.pid,
    settings,
    plan,
  );
  await writeJournal(facts);
  const startStandby = () => system.standby(directory, context, plan, request);
  const standby = context.use(await startStandby());
  const state = context.use(system.state(directory.stateFile));
  const source = context.use(new Source(context));
  const terminals = terminalsToClose(context, settings);
  context.prepared = {
    ...{ settings, directory, standby, startStandby, writeJournal },
    ...{ state, source, terminals },
  };
  const vhost = await system.giveVhost(context, plan, request);
  const left = await system.leftOpen(context, plan, vhost);
  context.leftOpen = left;
  const argv = withVhost(plan.command.argv, vhost, plan.facts.options);
  await source.prepare(withClosed(argv, left));
  await system.warmUp(context, plan, request);
  await plan.fingerprint.warmUp(client);
  await warmUpHash();
  refuseIfInterrupted(context.signals);
  context.use(await system.keepMemory(facts.pid));
}

/** QEMU leaks the descriptor of a pty over an exec: those are closed before. */
function terminalsToClose(
  { plan: { facts } }: UpdateContext,
  { record }: MigrationSettings,
): string[] {
  const { terminals = [] } = record.live;
  if (terminals.length === 0) return [];
  const there = new Set(terminals.map(({ device }) => device));
  return plainTerminals(
    CommandLine.parse(facts.program, facts.argv, facts.options),
  )
    .filter((it) => there.has(it));
}
