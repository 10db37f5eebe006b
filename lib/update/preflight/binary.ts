import { ok, type PreflightCheck, refuse } from "./check.ts";

const EXECUTABLE_BITS = 0o111;
const REMEDY = "Name an executable file with --binary";

/** The new program is a file that can be executed. */
export const newBinary: PreflightCheck = {
  id: "new-binary",
  async run({ binary }) {
    let info: Deno.FileInfo;
    try {
      info = await Deno.stat(binary);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return refuse(`New binary "${binary}" does not exist`, REMEDY);
    }
    return info.isFile && ((info.mode ?? 0) & EXECUTABLE_BITS) !== 0
      ? ok(`"${binary}" is executable`)
      : refuse(`New binary "${binary}" is not executable`, REMEDY);
  },
};
