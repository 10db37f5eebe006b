import { assemble } from "../../scripts/assembler.ts";

const FILE = new URL("assembled.json", import.meta.url);

/** Programs that tests run, and their bytes in hexadecimal. */
export function assembledPrograms(): Record<string, string> {
  return JSON.parse(Deno.readTextFileSync(FILE));
}

const programs = assembledPrograms();

/**
 * The bytes of a program in RV32IMA assembly, for the start of RAM.
 *
 * They are looked up, so that tests run without an assembler; where there is
 * one, assembled_test.ts verifies them. `deno task assemble` writes them anew.
 */
export function assembled(source: string): Uint8Array<ArrayBuffer> {
  const text = source.trim().replaceAll(/\n\s+/g, "\n");
  return Uint8Array.fromHex(programs[text] ?? add(text));
}

function add(source: string): string {
  if (!Deno.env.has("CPRCTL_ASSEMBLE")) {
    throw new Error(`Run "deno task assemble", which assembles:\n${source}`);
  }
  const bytes = assemble(source).toHex();
  programs[source] = bytes;
  const all = { ...assembledPrograms(), ...programs };
  Deno.writeTextFileSync(FILE, `${JSON.stringify(all, null, 2)}\n`);
  return bytes;
}
