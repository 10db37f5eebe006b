/**
 * How a shell script starts the program: what it takes from the environment
 * first, and Deno's command line. The portable form and the package do it alike.
 *
 * @module
 */

import { PERMISSIONS } from "./permissions.ts";

/** Nothing of the host is looked for, and nothing of ours is left there. */
const OPTIONS = [
  "--quiet",
  "--no-config",
  "--no-lock",
  "--cached-only",
  "--no-code-cache",
  ...PERMISSIONS,
];

/** What a script's template has to be filled in with. */
export async function start(): Promise<{ FORGET: string; START: string }> {
  const [forget, started] = await Promise.all(
    ["forget.sh", "start.sh"].map((name) =>
      Deno.readTextFile(new URL(name, import.meta.url))
    ),
  );
  return {
    FORGET: (forget ?? "").trimEnd(),
    START: fill(started ?? "", { FLAGS: OPTIONS.join(" ") }).trimEnd(),
  };
}

/** Puts values where a template has their names: @NAME@. */
export function fill(
  template: string,
  values: Readonly<Record<string, string>>,
): string {
  return template.replaceAll(/@([A-Z]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`Cannot fill in "${name}"`);
    return value;
  });
}
