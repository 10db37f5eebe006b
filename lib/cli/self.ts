/**
 * How to start this program again, whatever it was started as:
 *
 * ```
 * source     deno run … main.ts
 * compiled   one executable made by deno compile
 * portable   a shell head that unpacked a Deno and a bundle, and said so
 * ```
 *
 * @module
 */

import { BUILT_FROM } from "./build.ts";

/** What this program was started as. */
export type Form = "source" | "compiled" | "portable";

/** What decides the form; the real one by default. */
export interface Host {
  readonly standalone: boolean;
  readonly execPath: string;
  /** Whether a build made this program. */
  readonly built: boolean;
  /** CPRCTL_SELF: the portable program's own path, said by its head. */
  readonly selfPath: string | undefined;
}

/** The repository's main.ts, where the program runs from its source. */
const MAIN = new URL("../../main.ts", import.meta.url);

const SELF_VARIABLE = "CPRCTL_SELF";

/** What the portable program's head says to its Deno and to nobody else. */
const HEAD_VARIABLES = [SELF_VARIABLE, "DENO_DIR", "DENO_NO_UPDATE_CHECK"];

let selfPath: string | undefined;

/**
 * Takes what the portable program's head said out of the environment, before
 * another program inherits it.
 */
export function hearHead(): void {
  if (BUILT_FROM === undefined || Deno.build.standalone) return;
  selfPath = Deno.env.get(SELF_VARIABLE) || undefined;
  for (const name of HEAD_VARIABLES) Deno.env.delete(name);
}

/** What this program was started as. */
export function selfForm(host: Host = thisHost()): Form {
  if (host.standalone) return "compiled";
  return portablePath(host) === undefined ? "source" : "portable";
}

/**
 * The words that start this program again; add its own words after them.
 * The first is an absolute path, fit for exec.
 */
export function selfCommand(host: Host = thisHost()): string[] {
  if (host.standalone) return [host.execPath];
  const portable = portablePath(host);
  if (portable !== undefined) return [portable];
  return [host.execPath, "run", "--quiet", "--allow-all", MAIN.pathname];
}

/** Somebody may set the variable for a program that no head started. */
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
