import { openForeignFile } from "../../../../ffi/foreign_file.ts";
import type { CheckContext, Finding } from "../check.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import { quoted } from "../wording.ts";
import { executableFormat } from "./executable_format.ts";

const EXECUTABLE_BITS = 0o111;
const REMEDY = "Name an executable file of this machine with --binary";

/** The new program is a file that the kernel can execute. */
export const newBinary: PreflightCheck = {
  id: "new-binary",
  async run(context) {
    const { binary, files } = context;
    const name = quoted(binary);
    if (!binary.startsWith("/")) {
      return refuse(
        `New binary ${name} is not an absolute path, and the VM has another ` +
          "working directory",
        "Use an absolute path",
      );
    }
    // The VM may have other mounts than we.
    const info = await files.stat(binary);
    if (info === undefined) {
      return refuse(`New binary ${name} does not exist for the VM`, REMEDY);
    }
    if (!isExecutable(info)) {
      return refuse(`New binary ${name} is not an executable file`, REMEDY);
    }
    return await formatFinding(context);
  },
};

async function formatFinding(
  { binary, facts, files }: CheckContext,
): Promise<Finding> {
  const name = quoted(binary);
  using program = files.openToRead(binary);
  const format = executableFormat(program);
  if (format.kind === "neither") {
    return refuse(`New binary ${name} is neither ELF nor a script`, REMEDY);
  }
  if (format.kind === "script") {
    const interpreter = await files.stat(format.interpreter);
    return interpreter !== undefined && isExecutable(interpreter)
      ? ok(`${name} is a script for "${format.interpreter}"`)
      : refuse(
        `New binary ${name} is a script, but its interpreter ` +
          `${quoted(format.interpreter)} cannot be executed`,
        REMEDY,
      );
  }
  using old = openForeignFile(`/proc/${facts.pid}/exe`, { followLink: true });
  const running = executableFormat(old);
  return running.kind === "elf" && running.machine !== format.machine
    ? refuse(`New binary ${name} is for another machine`, REMEDY)
    : ok(`${name} is executable`);
}

function isExecutable(info: Deno.FileInfo): boolean {
  return info.isFile && ((info.mode ?? 0) & EXECUTABLE_BITS) !== 0;
}
