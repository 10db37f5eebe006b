import { OsError } from "../../ffi/libc.ts";
import { CprctlError } from "../errors.ts";

/** An input cannot be read, or has an unknown format. */
export class InspectError extends CprctlError {}

/** An error of a system call, as the user needs it; any other error itself. */
export function explained(error: unknown, name: string): unknown {
  if (!(error instanceof OsError)) return error;
  const why = error.code === "EFBIG"
    ? "it is too large"
    : `${error.description} (${error.code})`;
  return new InspectError("unreadable", `Cannot read "${name}": ${why}`);
}
