import { ok, type PreflightCheck, refuse } from "../check.ts";

const UPDATABLE = ["running", "paused", "prelaunch"];
/** Where a migration left it; QEMU begins no other one before it has run. */
const POSTMIGRATE = "postmigrate";

/** The VM is in a state that can be put back. */
export const runState: PreflightCheck = {
  id: "run-state",
  run({ facts }) {
    return Promise.resolve(
      UPDATABLE.includes(facts.runState)
        ? ok(`the VM is ${facts.runState}`)
        : refuse(
          `The VM is in run state "${facts.runState}"`,
          facts.runState === POSTMIGRATE
            ? "Unless it runs elsewhere now, let it run (cont), then pause it"
            : "Wait until it is running or paused",
        ),
    );
  },
};
