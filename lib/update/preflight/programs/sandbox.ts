import { parseConfinement } from "../../standby/confinement.ts";
import { ok, type PreflightCheck, refuse, weaker } from "../check.ts";
import { readProcText } from "../../process/proc.ts";

/** The VM's sandbox lets it execute another program. */
export const sandbox: PreflightCheck = {
  id: "sandbox",
  async run(context) {
    const { facts, running, seccomp: { filters } } = context;
    const options = running.values("sandbox");
    const isOn = options.some((it) => it.get("enable") === "on");
    const spawn = options.findLast((it) => it.has("spawn"))?.get("spawn");
    if (isOn && spawn === "deny") {
      return refuse(
        "The VM may not execute another program: -sandbox with spawn=deny",
        "Restart the VM once with spawn=allow in its -sandbox",
      );
    }
    const status = await readProcText(facts.pid, "status");
    if (filters === null) {
      return weaker(
        context,
        "A seccomp filter is over the VM that cprctl may not read, and it " +
          "would not be over a VM that had to be put back",
        "Run cprctl as root and under no filter of its own",
      );
    }
    const { noNewPrivileges } = parseConfinement(status);
    if (filters.length > 0 && !noNewPrivileges) {
      return weaker(
        context,
        "A seccomp filter is over the VM, which may gain privileges all the " +
          "same: a VM that had to be put back could not get it",
        "Restart the VM with no_new_privs (NoNewPrivileges= of systemd)",
      );
    }
    return ok(
      filters.length === 0
        ? "no sandbox keeps the VM from executing another program"
        : "a VM that had to be put back would be under its seccomp filter",
    );
  },
};
