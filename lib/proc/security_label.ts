import { ifError } from "../errors.ts";
import { ifThere } from "../gone.ts";
import { readProcText } from "./file.ts";

/**
 * The label that a security module (SELinux, AppArmor) gives a process; undefined
 * if none is active.
 */
export async function readSecurityLabel(
  pid: number | "self",
): Promise<string | undefined> {
  const label = await ifThere(readProcText(pid, "attr/current"))
    .catch(ifError(Error, (error) => {
      // No security module has a label for it.
      if ("code" in error && error.code === "EINVAL") return undefined;
      throw error;
    }));
  return label?.replace(/[\0\n]+$/, "");
}

const ATTRIBUTES = "/proc/thread-self/attr";

/**
 * Sets the label of the next program that this thread executes.
 *
 * @returns why it cannot be set; undefined if it is
 */
export function labelNextProgram(label: string): string | undefined {
  try {
    const { file, text } = execAttribute(label);
    Deno.writeTextFileSync(file, text, { create: false });
    return undefined;
  } catch (error) {
    // Any refusal of the module: Deno has no class for some of them.
    if (!(error instanceof Error)) throw error;
    return `security label "${label}": ${error.message}`;
  }
}

/** A label of AppArmor ends with its mode; one of SELinux has colons. */
export function execAttribute(label: string): { file: string; text: string } {
  const [, profile] = /^(.*) \((?:enforce|complain|kill|prompt|user)\)$/
    .exec(label) ?? [];
  if (profile === undefined) return { file: `${ATTRIBUTES}/exec`, text: label };
  return { file: `${ATTRIBUTES}/apparmor/exec`, text: `exec ${profile}` };
}
