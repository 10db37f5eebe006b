import { DESCRIPTORS } from "../vm/block_devices.ts";
import { joined, ok, type PreflightCheck, quoted, warn } from "./check.ts";

/** Says how what was changed at run time is carried over. */
export const carriedOver: PreflightCheck = {
  id: "carried-over",
  run({ carried: { changes, commands, unknown } }) {
    const ways = [
      ...changes.length === 0 ? [] : [`${changes.length} by arguments`],
      ...commands.map(({ execute, arguments: given }) => {
        const set = given["fdset-id"];
        const name = given["id"] ?? given["device"] ?? given["node-name"] ??
          given["fdname"] ?? (set === undefined ? "" : `${DESCRIPTORS}${set}`);
        return `${execute} of ${quoted(name)}`;
      }),
    ];
    const detail = ways.length === 0
      ? "nothing was changed at run time that has to be carried over"
      : `changes at run time are carried over: ${joined(ways)}`;
    return unknown.length === 0 ? ok(detail) : warn(
      `QEMU does not report these, so they get their defaults: ${
        joined(unknown)
      }`,
      "Ignore this if none was set; otherwise restart the VM with them on its " +
        "command line",
    );
  },
};
