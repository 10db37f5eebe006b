import { ok, type PreflightCheck, refuse, warn } from "./check.ts";

/** Seccomp modes in /proc/PID/status; 2 is a filter. */
const FILTER = "2";

/** The VM's sandbox lets it execute another program. */
export const sandbox: PreflightCheck = {
  id: "sandbox",
  async run({ facts, running }) {
    const options = running.values("sandbox");
    const isOn = options.some((it) => it.get("enable") === "on");
    const spawn = options.findLast((it) => it.has("spawn"))?.get("spawn");
    if (isOn && spawn === "deny") {
      return refuse(
        "The VM may not execute another program: -sandbox with spawn=deny",
        "Restart the VM once with spawn=allow in its -sandbox",
      );
    }
    // A container's filter is over both of us, and lets programs start.
    const filtered = await seccompMode(facts.pid) === FILTER;
    if (filtered && !isOn && await seccompMode("self") !== FILTER) {
      return warn(
        "A seccomp filter that is not QEMU's own is over the VM",
        "See that the service or container of the VM allows execve",
      );
    }
    return ok("no sandbox keeps the VM from executing another program");
  },
};

async function seccompMode(pid: number | "self"): Promise<string | undefined> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return /^Seccomp:\s*(\d+)$/m.exec(status)?.[1];
}
