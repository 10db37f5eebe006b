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

/** What this program was started as. */
export type Form = "source" | "compiled" | "portable";

/** What decides the form; the real one by default. */
export interface Host {
  readonly standalone: boolean;
  readonly execPath: string;
  /** CPRCTL_SELF: the portable program's own path, set by its head. */
  readonly selfPath: string | undefined;
}

/** The repository's main.ts, where the program runs from its source. */
const MAIN = new URL("../../main.ts", import.meta.url);

/** What this program was started as. */
export function selfForm(host: Host = thisHost()): Form {
  if (host.standalone) return "compiled";
  return host.selfPath === undefined ? "source" : "portable";
}

/**
 * The words that start this program again; add its own words after them.
 * The first is an absolute path, fit for exec.
 */
export function selfCommand(host: Host = thisHost()): string[] {
  if (host.standalone) return [host.execPath];
  if (host.selfPath !== undefined) return [host.selfPath];
  return [host.execPath, "run", "--quiet", "--allow-all", MAIN.pathname];
}

function thisHost(): Host {
  return {
    standalone: Deno.build.standalone,
    execPath: Deno.execPath(),
    selfPath: Deno.env.get("CPRCTL_SELF") || undefined,
  };
}
