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
    if (isUnlabelled(error)) return undefined;
    throw error;
  }
}

/** EINVAL: no module has a label to tell. */
function isUnlabelled(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EINVAL";
}

const ATTRIBUTES = "/proc/thread-self/attr";

/**
 * Has the next program that this thread executes get a label.
 *
 * @returns why that cannot be; undefined where it is done
 */
export function labelNextProgram(label: string): string | undefined {
  try {
    write(execAttribute(label));
    return undefined;
  } catch (error) {
    // Whatever the module says against it: Deno has no class for all of it.
    if (!(error instanceof Error)) throw error;
    return `security label "${label}": ${error.message}`;
  }
}

interface Attribute {
  readonly file: string;
  readonly text: string;
}

/** Contexts of SELinux have colons, and AppArmor's say their mode. */
export function execAttribute(label: string): Attribute {
  const [, profile] = /^(.*) \((?:enforce|complain|kill|prompt|user)\)$/
    .exec(label) ?? [];
  if (profile === undefined) return { file: `${ATTRIBUTES}/exec`, text: label };
  return { file: `${ATTRIBUTES}/apparmor/exec`, text: `exec ${profile}` };
}

function write({ file, text }: Attribute): void {
  Deno.writeTextFileSync(file, text, { create: false });
}
