/**
 * The portable form: one file that needs no denort.
 *
 * ```
 * ┌──────────────────────────────────────────┐
 * │ head.sh: a /bin/sh script, about 15 KB   │  knows length and SHA-256 of
 * ├──────────────────────────────────────────┤  each file below, and ends in
 * │ chunk-….js … main.js: the bundle         │  exec, so that no shell ever
 * ├──────────────────────────────────────────┤  comes to what follows
 * │ deno: the runtime, 96 MB                 │
 * └──────────────────────────────────────────┘
 * ```
 *
 * Nothing is compressed: gzip would make 42 MB of it, and the first start, which
 * may be in a guest's downtime, half a second longer.
 *
 * @module
 */

import { VERSION } from "../../lib/version.ts";
import { fill, start } from "./start.ts";
import type { Target } from "./target.ts";

const HEAD = new URL("head.sh", import.meta.url);

/** Hexadecimal digits of a hash that name a folder. */
const ID_DIGITS = 16;

/** A file to append. */
interface Part {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Writes a portable program.
 *
 * @param bundle the folder of the bundle, and its files' names
 * @param runtime path of the Deno to bring along
 */
export async function makePortable(
  bundle: { readonly folder: string; readonly names: readonly string[] },
  runtime: string,
  output: string,
  target: Target,
): Promise<void> {
  const parts: Part[] = [];
  for (const name of bundle.names) {
    parts.push({
      name,
      bytes: await Deno.readFile(`${bundle.folder}/${name}`),
    });
  }
  parts.push({ name: "deno", bytes: await Deno.readFile(runtime) });
  using file = await Deno.open(output, {
    write: true,
    createNew: true,
    mode: 0o755,
  });
  const writer = file.writable.getWriter();
  await writer.write(new TextEncoder().encode(await head(parts, target)));
  for (const { bytes } of parts) await writer.write(bytes);
  await writer.close();
}

/** The script that stands before the parts. */
async function head(parts: readonly Part[], target: Target): Promise<string> {
  const take: string[] = [];
  let size = 0;
  for (const { name, bytes } of parts) {
    take.push(`cprctl_take ${bytes.length} ${await sha256(bytes)} ${name}`);
    size += bytes.length;
  }
  const template = await Deno.readTextFile(HEAD);
  const started = await start();
  const all = [template, started.FORGET, started.START, ...take].join("\n");
  const id = await sha256(new TextEncoder().encode(all));
  return fill(template, {
    ...started,
    VERSION,
    TARGET: target.architecture,
    ID: `${VERSION}-${id.slice(0, ID_DIGITS)}`,
    SIZE: String(size),
    MEGABYTES: String(Math.ceil(size / 1e6)),
    TAKE: take.join("\n  "),
    PARTS: parts.map(({ name }) => name).join(" \\\n    "),
  });
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
