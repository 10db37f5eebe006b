import { openForeignMemfd } from "../../ffi/foreign_file.ts";
import { CPR_EXEC_STATE } from "../cpr/state.ts";
import { isGone } from "../gone.ts";
import { findDescriptor } from "../proc/descriptors.ts";
import { InspectError } from "./error.ts";
import { LARGEST_CPR_STATE } from "./format.ts";
import { explained, inMemory, type Input } from "./input.ts";

/**
 * Opens the CPR state of a process right before or after its exec.
 *
 * @throws {InspectError} when it has none, or may not be examined
 */
export function openCprState(pid: number): Input {
  const number = cprStateOf(pid);
  const name = `process ${pid}`;
  try {
    using file = openForeignMemfd(pid, number);
    // Not mapped: the other process could truncate it.
    return inMemory(name, file.readAll(LARGEST_CPR_STATE));
  } catch (error) {
    throw explained(error, name);
  }
}

function cprStateOf(pid: number): number {
  try {
    const number = findDescriptor(pid, `/memfd:${CPR_EXEC_STATE} (deleted)`);
    if (number !== undefined) return number;
  } catch (error) {
    if (isGone(error)) {
      throw new InspectError("no-process", `Cannot find process "${pid}"`);
    }
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    throw new InspectError(
      "no-permission",
      `Cannot examine process "${pid}": permission denied`,
      { remedy: "Run it as the process's user, or as root" },
    );
  }
  throw new InspectError(
    "no-cpr-state",
    `Cannot find CPR state in process "${pid}": it exists only ` +
      "during a cpr-exec",
    { remedy: "Inspect it while query-migrate reports pre-switchover" },
  );
}
