import {
  command,
  integer,
  optional,
  type QemuVersion,
  text,
} from "../../qmp/mod.ts";
import { VERSION } from "../../version.ts";
import type { CommandGroup } from "./context.ts";

/** The UUID without -uuid, as in QEMU. */
const NO_UUID = "00000000-0000-0000-0000-000000000000";

/** This program's version as in the QMP greeting. */
export function programVersion(): QemuVersion {
  const [major = 0, minor = 0, micro = 0] = VERSION.split(".").map(Number);
  return { major, minor, micro, package: `cprctl ${VERSION}` };
}

/** Run state, identity, the guest, the human monitor; cont, stop, quit. */
export const STATUS_COMMANDS: CommandGroup = (
  { machine, quit, humanLine },
) => ({
  "query-status": command({}, () => ({
    status: machine.runState,
    running: machine.running,
  })),
  "query-version": command({}, () => {
    const { package: name, ...qemu } = programVersion();
    return { qemu, package: name };
  }),
  "query-name": command({}, () => {
    const { name } = machine.options;
    return name === undefined ? {} : { name };
  }),
  "query-uuid": command({}, () => ({ UUID: machine.uuid ?? NO_UUID })),
  stop: command({}, () => machine.pause()),
  cont: command({}, () => machine.cont()),
  quit: command({}, () => quit()),
  "x-query-ramblock": command({}, () =>
    machine.ramBlocks().map((block) => ({
      name: block.name,
      size: block.usedLength,
      address: `0x${block.address.toString(16)}`,
      inode: `${block.inode}`,
      share: block.share,
    }))),
  "x-query-guest": command({}, () => ({ ...machine.board.guestStatus() })),
  "human-monitor-command": command(
    { "command-line": text(), "cpu-index": optional(integer()) },
    // Line ends as in QEMU.
    async (given) =>
      (await humanLine(given["command-line"])).replaceAll("\n", "\r\n"),
  ),
});
