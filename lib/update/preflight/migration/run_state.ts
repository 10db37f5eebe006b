import { canBeMoved } from "../../vm/run_state.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";

/** Where a migration left it; QEMU begins no other one before it has run. */
const POSTMIGRATE = "postmigrate";

/** The VM is in a state that can be put back. */
export const runState: PreflightCheck = {
  id: "run-state",
  run({ facts }) {
    return Promise.resolve(
      canBeMoved(facts.runState) ? ok(`the VM is ${facts.runState}`) : refuse(
        `The VM is in run state "${facts.runState}"`,
        facts.runState === POSTMIGRATE
          ? "Unless it runs elsewhere now, let it run (cont), then pause it"
          : facts.runState === "debug"
          ? "End the debugger, or let it continue the guest"
          : "Wait until it is running or paused",
      ),
    );
  },
};
