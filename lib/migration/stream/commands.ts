import type { Sink, Source } from "../../stream/mod.ts";
import { Command, RecordType } from "./constants.ts";
import { MigrationStreamError } from "./error.ts";

/** A command between sections. */
export interface StreamCommand {
  readonly command: number;
  readonly payload: Uint8Array;
}

/** The valid payload lengths of a command; any length if absent. */
const PAYLOAD_LENGTHS: Readonly<Record<number, readonly number[]>> = {
  [Command.OPEN_RETURN_PATH]: [0],
  [Command.PING]: [4],
  [Command.POSTCOPY_ADVISE]: [0, 16],
  [Command.POSTCOPY_LISTEN]: [0],
  [Command.POSTCOPY_RUN]: [0],
  [Command.PACKAGED]: [4],
  [Command.ENABLE_COLO]: [0],
  [Command.POSTCOPY_RESUME]: [0],
  [Command.SWITCHOVER_START]: [0],
};

/** Writes a command with its type byte. */
export function writeCommand(sink: Sink, command: StreamCommand): void {
  sink.u8(RecordType.COMMAND);
  sink.u16(command.command);
  sink.u16(command.payload.length);
  sink.bytes(command.payload);
}

/**
 * Reads a command after its type byte.
 *
 * @throws {MigrationStreamError} when the command is unknown, or its length is
 * not valid
 */
export function readCommand(source: Source): StreamCommand {
  const at = source.offset;
  const command = source.u16();
  if (
    command < Command.OPEN_RETURN_PATH || command > Command.SWITCHOVER_START
  ) {
    throw new MigrationStreamError(`unknown command ${command}`, {
      offset: at,
    });
  }
  const length = source.u16();
  const allowed = PAYLOAD_LENGTHS[command];
  if (allowed !== undefined && !allowed.includes(length)) {
    throw new MigrationStreamError(
      `command ${command} has ${length} bytes, not ${allowed.join(" or ")}`,
      { offset: at + 2 },
    );
  }
  return { command, payload: source.bytes(length) };
}
