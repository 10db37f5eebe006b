import { canBeMoved, remedyFor } from "../../vm/run_state.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";

/** The VM is in a state that can be put back. */
export const runState: PreflightCheck = {
  id: "run-state",
  run({ facts }) {
    return Promise.resolve(
      canBeMoved(facts.runState) ? ok(`the VM is ${facts.runState}`) : refuse(
        `The VM is in run state "${facts.runState}"`,
        remedyFor(facts.runState),
      ),
    );
  },
};
