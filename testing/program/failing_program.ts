/** A new QEMU that passes every check, and fails where it is to take a VM over. */

/** The text of one: runs a program, but for `failure` once it is to load. */
export function failingScript(program: string, failure = "exit 3"): string {
  return `#!/bin/sh
case " $* " in *" -incoming defer ") ${failure} ;; esac
exec "${program}" "$@"
`;
}

/** Writes one into a folder, and returns its path. */
export function failingProgram(
  folder: string,
  { binary }: { readonly binary: string },
  failure?: string,
): string {
  const path = `${folder}/failing`;
  const options = { mode: 0o755 };
  Deno.writeTextFileSync(path, failingScript(binary, failure), options);
  return path;
}
