/**
 * The command line of a program that starts beside the running one: that of
 * {@linkcode newCommand}, with paths of its own. In a cpr-transfer it has the
 * channel for CPR state, on which it waits before it makes any device; for a
 * live migration its RAM is shared.
 *
 * @module
 */

import { RefusedError } from "../error.ts";
import type { Facts } from "../vm/facts.ts";
import { CommandDraft } from "./draft.ts";
import type { NewCommand } from "./new_command.ts";
import { shareRam } from "./shared_ram.ts";
import { asideOf, setPathsAside } from "./set_aside.ts";

/** A path at which the new program takes the VM's place. */
export interface Move {
  readonly from: string;
  readonly to: string;
}

/** How two programs hand a VM over. Plain data, for the journal. */
export interface HandOver {
  /** The new program's monitor, until the commit. */
  readonly monitor: string;
  /** Unix socket for CPR state with the descriptors of RAM. */
  readonly cpr: string;
  /** Unix socket for the migration stream. */
  readonly main: string;
  readonly moves: readonly Move[];
}

/** What the new program makes: all of it is removed if it does not commit. */
export function pathsOf({ cpr, main, moves }: HandOver): string[] {
  return [cpr, main, ...moves.map(({ from }) => from)];
}

/** A channel of a migration over a unix socket, as QEMU's options take it. */
export function channelAt(kind: "main" | "cpr", path: string) {
  return {
    "channel-type": kind,
    "addr": { transport: "socket", type: "unix", path },
  };
}

/** The command line, and how it hands the VM over. */
export interface TransferCommand {
  readonly command: NewCommand;
  readonly handOver: HandOver;
}

/**
 * Makes it.
 *
 * @param vm with the working directory of its process, for relative paths
 * @throws {RefusedError} when it is not QEMU
 */
export function transferCommand(
  { argv: [program = "", ...words], ...command }: NewCommand,
  { facts, cwd, ram }: {
    readonly facts: Facts;
    readonly cwd: string;
    /** Ids of the memory backends whose RAM is to be copied. */
    readonly ram?: readonly string[] | undefined;
  },
): TransferCommand {
  if (facts.program !== "QEMU" || !("path" in facts.address)) {
    throw new RefusedError(
      "transfer-process",
      "Only a QEMU with a monitor on a unix socket can be moved to another " +
        "process",
      { remedy: "Update it with --mode cpr-exec" },
    );
  }
  const monitor = Deno.realPathSync(facts.address.path);
  const draft = new CommandDraft(words, facts.options);
  const moves = setPathsAside(draft).map((path) => {
    const to = path.startsWith("/") ? path : `${cwd}/${path}`;
    return { from: asideOf(to), to };
  });
  const handOver = {
    monitor: asideOf(monitor),
    cpr: `${monitor}.cpr`,
    main: `${monitor}.main`,
    moves,
  };
  if (ram === undefined) {
    draft.append(
      ["-incoming", JSON.stringify(channelAt("cpr", handOver.cpr))],
      "the channel on which the VM's RAM is handed over, while the guest runs",
    );
  } else {
    shareRam(draft, program, ram);
  }
  return {
    command: {
      ...command,
      argv: [program, ...draft.words],
      changes: [...command.changes, ...draft.changes],
    },
    handOver,
  };
}
