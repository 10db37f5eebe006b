import { remedyOf } from "../../../errors.ts";
import { RunDirectory } from "../../run/directory.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";

/** The VM's state has a place, tried out just as the update will use it. */
export const stateRoom: PreflightCheck = {
  id: "state-room",
  async run({ facts }) {
    try {
      await using _directory = await RunDirectory.create(facts);
      return ok("there is room for the VM's state");
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return refuse(
        error.message,
        remedyOf(error) ??
          "See that cprctl may make files in its run directory",
      );
    }
  },
};
