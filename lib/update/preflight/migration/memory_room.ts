import {
  hasRoomToTry,
  memoryRoom as roomOfProcess,
  START_BYTES,
} from "../../process/memory_room.ts";
import { ok, type PreflightCheck, refuse, warn } from "../check.ts";
import { quoted } from "../wording.ts";

const MIB = 1024 ** 2;

/**
 * A program can start where the VM is: in a control group that is full the
 * kernel kills the new program, and then the old one as well.
 */
export const memoryRoom: PreflightCheck = {
  id: "memory-room",
  run({ facts }) {
    const room = roomOfProcess(facts.pid);
    if (room === undefined) {
      return Promise.resolve(ok("no control group limits the VM's memory"));
    }
    const left = Math.max(0, Math.floor(room.left / MIB));
    const limit = Math.floor(room.limit / MIB);
    const says = `${left} MiB are left of the ${limit} MiB that the control ` +
      `group ${quoted(room.group)} may use`;
    if (hasRoomToTry(facts.pid)) return Promise.resolve(ok(says));
    if (room.left >= START_BYTES) {
      return Promise.resolve(warn(
        `${says}: not enough to try programs there beforehand`,
        "Raise the group's limit of memory for the update",
      ));
    }
    return Promise.resolve(refuse(
      `${says}, and a program that starts takes up to ${
        START_BYTES / MIB
      } MiB for a moment: the kernel would kill it`,
      `Raise the group's limit of memory by ${
        START_BYTES / MIB - left
      } MiB or more`,
    ));
  },
};
