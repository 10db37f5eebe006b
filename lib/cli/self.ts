/**
 * How to start this program again, in each of its forms:
 *
 * ```
 * source     deno run … main.ts
 * compiled   one executable made by deno compile
 * portable   a shell script that has unpacked a Deno and a bundle
 * ```
 *
 * @module
 */

import { BUILT_FROM } from "./build.ts";

/** The form of this program. */
export type Form = "source" | "compiled" | "portable";

/** The facts that determine the form; tests replace them. */
export interface Host {
  readonly standalone: boolean;
  readonly execPath: string;
  /** Whether this program was built. */
  readonly built: boolean;
  /** CPRCTL_SELF: the path of the portable program, set by its script. */
  readonly selfPath: string | undefined;
}

/** The repository's main.ts, for a program that runs from source. */
const MAIN = new URL("../../main.ts", import.meta.url);

const SELF_VARIABLE = "CPRCTL_SELF";

/** Set by the script of the portable program, only for its own Deno. */
const HEAD_VARIABLES = [SELF_VARIABLE, "DENO_DIR", "DENO_NO_UPDATE_CHECK"];

let selfPath: string | undefined;

/**
 * Reads the variables of the portable program's script, and removes them from
 * the environment, so that no other program inherits them.
 */
export function readLauncherEnvironment(): void {
  if (BUILT_FROM === undefined || Deno.build.standalone) return;
  selfPath = Deno.env.get(SELF_VARIABLE) || undefined;
  for (const name of HEAD_VARIABLES) Deno.env.delete(name);
}

/** The form of this program. */
export function selfForm(host: Host = thisHost()): Form {
  if (host.standalone) return "compiled";
  return portablePath(host) === undefined ? "source" : "portable";
}

/**
 * The command that starts this program again, without arguments. The first word
 * is an absolute path, for exec.
 */
export function selfCommand(host: Host = thisHost()): string[] {
  if (host.standalone) return [host.execPath];
  const portable = portablePath(host);
  if (portable !== undefined) return [portable];
  return [host.execPath, "run", "--quiet", "--allow-all", MAIN.pathname];
}

/** The variable is ignored in other forms: a user may have set it. */
function portablePath({ built, selfPath }: Host): string | undefined {
  return built ? selfPath : undefined;
}

function thisHost(): Host {
  return {
    standalone: Deno.build.standalone,
    execPath: Deno.execPath(),
    built: BUILT_FROM !== undefined,
    selfPath,
  };
}
