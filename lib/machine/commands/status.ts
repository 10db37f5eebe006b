import { command, type QemuVersion } from "../../qmp/mod.ts";
import { VERSION } from "../../version.ts";
import type { CommandGroup } from "./context.ts";

/** The UUID without -uuid, as in QEMU. */
const NO_UUID = "00000000-0000-0000-0000-000000000000";

/** This program's version as in the QMP greeting. */
export function programVersion(): QemuVersion {
  const [major = 0, minor = 0, micro = 0] = VERSION.split(".").map(Number);
  return { major, minor, micro, package: `cprctl ${VERSION}` };
}

/** Commands about run state and identity; cont, stop, quit. */
export const STATUS_COMMANDS: CommandGroup = ({ machine, quit }) => ({
  "query-status": command({}, () => ({
    status: machine.runState,
    running: machine.running,
  })),
  "query-version": command({}, () => {
    const { package: text, ...qemu } = programVersion();
    return { qemu, package: text };
  }),
  "query-name": command({}, () => {
    const { name } = machine.options;
    return name === undefined ? {} : { name };
  }),
  "query-uuid": command({}, () => ({ UUID: machine.uuid ?? NO_UUID })),
  stop: command({}, () => machine.pause()),
  cont: command({}, () => machine.cont()),
  quit: command({}, () => quit()),
});
