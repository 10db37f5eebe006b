/** The programs to measure: cprctl from its source, and as it was built. */

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** The words that run a file of ours as cprctl itself is run. */
export function denoRun(path: string): string[] {
  return [Deno.execPath(), "run", "--quiet", "--allow-all", path];
}

/** A form of cprctl: its name and the words that start it. */
export interface Form {
  readonly name: string;
  readonly argv: readonly string[];
}

/** From source, and the built program that CPRCTL names, if it does. */
export function forms(): Form[] {
  const built = Deno.env.get("CPRCTL");
  return [
    { name: "source", argv: denoRun(MAIN) },
    ...built ? [{ name: "built", argv: [built] }] : [],
  ];
}

/** A program that does nothing at all. */
export const EMPTY = denoRun(
  new URL("programs/empty.ts", import.meta.url).pathname,
);
