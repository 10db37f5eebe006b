import { ifThere } from "../gone.ts";
import { readProcText } from "./file.ts";

/**
 * What a security module (SELinux, AppArmor) calls a process; undefined where
 * none is at work.
 */
export async function readSecurityLabel(
  pid: number | "self",
): Promise<string | undefined> {
  try {
    const label = await ifThere(readProcText(pid, "attr/current"));
    return label?.replace(/[\0\n]+$/, "");
  } catch (error) {
    // No module has a label to tell.
    const isUnlabelled = error instanceof Error && "code" in error &&
      error.code === "EINVAL";
    if (isUnlabelled) return undefined;
    throw error;
  }
}

const ATTRIBUTES = "/proc/thread-self/attr";

/**
 * Has the next program that this thread executes get a label.
 *
 * @returns why that cannot be; undefined where it is done
 */
export function labelNextProgram(label: string): string | undefined {
  try {
    const { file, text } = execAttribute(label);
    Deno.writeTextFileSync(file, text, { create: false });
    return undefined;
  } catch (error) {
    // Whatever the module says against it: Deno has no class for all of it.
    if (!(error instanceof Error)) throw error;
    return `security label "${label}": ${error.message}`;
  }
}

/** Contexts of SELinux have colons, and AppArmor's say their mode. */
export function execAttribute(label: string): { file: string; text: string } {
  const [, profile] = /^(.*) \((?:enforce|complain|kill|prompt|user)\)$/
    .exec(label) ?? [];
  if (profile === undefined) return { file: `${ATTRIBUTES}/exec`, text: label };
  return { file: `${ATTRIBUTES}/apparmor/exec`, text: `exec ${profile}` };
}
