import { ok, type PreflightCheck, refuse } from "../check.ts";

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
      return refuse(
        "A seccomp filter that is not QEMU's own is over the VM, and would " +
          "not be over a VM that had to be put back",
        "Run cprctl in the VM's container, or restart the VM without the " +
          "filter (SystemCallFilter= and the like of systemd)",
      );
    }
    return ok("no sandbox keeps the VM from executing another program");
  },
};

async function seccompMode(pid: number | "self"): Promise<string | undefined> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return /^Seccomp:\s*(\d+)$/m.exec(status)?.[1];
}
