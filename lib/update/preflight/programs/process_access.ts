import { OsError } from "../../../../ffi/libc.ts";
import { PidFd } from "../../../../ffi/process.ts";
import { readDescriptors } from "../../process/proc.ts";
import { type Finding, ok, type PreflightCheck, refuse } from "../check.ts";

const REMEDY = "Run cprctl as root, or with the capability CAP_SYS_PTRACE";

/** We may hold the VM's memory: without that there is no way back. */
export const processAccess: PreflightCheck = {
  id: "process-access",
  async run({ facts }) {
    let first: number | undefined;
    try {
      [first] = (await readDescriptors(facts.pid)).keys();
    } catch (error) {
      if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
      return denied(facts.pid, "see");
    }
    if (first === undefined) return denied(facts.pid, "see");
    try {
      using process = PidFd.open(facts.pid);
      using _descriptor = process.getFd(first);
      return ok("the VM's descriptors can be held");
    } catch (error) {
      if (error instanceof OsError && error.code === "EPERM") {
        return denied(facts.pid, "duplicate");
      }
      throw error;
    }
  },
};

function denied(pid: number, what: string): Finding {
  return refuse(
    `This user may not ${what} the descriptors of process ${pid}`,
    REMEDY,
  );
}
