import { isGone } from "./proc.ts";

/**
 * What a security module (SELinux, AppArmor) calls a process; undefined where
 * none is at work.
 */
export async function readSecurityLabel(
  pid: number | "self",
): Promise<string | undefined> {
  try {
    const label = await Deno.readTextFile(`/proc/${pid}/attr/current`);
    return label.replace(/[\0\n]+$/, "");
  } catch (error) {
    if (isGone(error) || isUnlabelled(error)) return undefined;
    throw error;
  }
}

/** EINVAL: no module has a label to tell. */
function isUnlabelled(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EINVAL";
}
