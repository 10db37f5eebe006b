/**
 * The files of the package, in a folder.
 *
 * ```text
 * /usr/bin/cprctl            a shell script that starts the next
 * /usr/lib/cprctl/           the bundle, and its Deno
 * /usr/lib/systemd/system/   the units; none is enabled
 * /usr/lib/tmpfiles.d/       the folder in /run
 * /usr/share/man/man1/       what cprctl man prints
 * /usr/share/…               what cprctl completions prints
 * /etc/default/cprctl        what to do after QEMU was upgraded
 * ```
 *
 * @module
 */

import { VERSION } from "../../lib/version.ts";
import { SCRIPTS } from "../../lib/cli/completion_scripts.ts";
import { ENTRY } from "../compile/bundle.ts";
import type { Component } from "../compile/licences.ts";
import { fill, start } from "../compile/start.ts";
import { run } from "../../testing/qemu/builds/child.ts";
import { changelog, copyright, OVERRIDES } from "./control.ts";

const HERE = new URL("./", import.meta.url);
const UNITS = new URL("../systemd/", import.meta.url);
const HOOKS = new URL("../apt/", import.meta.url);

const HOME = "usr/lib/cprctl";
const DOC = "usr/share/doc/cprctl";
const STEP_TIMEOUT_MS = 60_000;

/** Where the units say that the program is, and where the package puts it. */
const BY_HAND = "/usr/local/bin/cprctl";
const INSTALLED = "/usr/bin/cprctl";

/** The sample of a VM is for a person to change. */
const SAMPLE = "qemu@.service";

/** What goes into it. */
export interface Contents {
  /** The bundle's folder, and its files' names. */
  readonly bundle: { readonly folder: string; readonly names: string[] };
  readonly runtime: string;
  readonly components: readonly Component[];
  readonly commit: string | null;
  /** Seconds since 1970 that its files are dated. */
  readonly seconds: number;
}

/** Writes the files; whatever umask, their modes are those of a package. */
export async function makeTree(root: string, it: Contents): Promise<void> {
  const { folder, names } = it.bundle;
  for (const name of names) {
    await put(
      root,
      `${HOME}/${name}`,
      await Deno.readFile(`${folder}/${name}`),
    );
  }
  await put(root, `${HOME}/deno`, await Deno.readFile(it.runtime), 0o755);
  const script = await Deno.readTextFile(new URL("cprctl.sh", HERE));
  const head = fill(script, { VERSION, ...await start() });
  await put(root, "usr/bin/cprctl", head, 0o755);
  await put(
    root,
    "etc/default/cprctl",
    await Deno.readFile(new URL("default", HERE)),
  );
  await putUnits(root);
  await putHooks(root);
  await putWords(root, `${folder}/${ENTRY}`);
  await put(root, `${DOC}/copyright`, copyright(it.components));
  await putZipped(
    root,
    `${DOC}/changelog`,
    changelog(it.seconds, it.commit),
  );
  await put(root, "usr/share/lintian/overrides/cprctl", OVERRIDES);
}

async function putUnits(root: string): Promise<void> {
  for await (const { name } of Deno.readDir(UNITS)) {
    const text = (await Deno.readTextFile(new URL(name, UNITS)))
      .replaceAll(BY_HAND, INSTALLED);
    if (name === SAMPLE) await put(root, `${DOC}/examples/${name}`, text);
    else if (/\.(service|timer)$/.test(name)) {
      await put(root, `usr/lib/systemd/system/${name}`, text);
    } else if (name.endsWith(".conf")) {
      await put(root, `usr/lib/tmpfiles.d/${name}`, text);
    }
  }
}

/** Samples for apt and needrestart. */
async function putHooks(root: string): Promise<void> {
  for await (const { name } of Deno.readDir(HOOKS)) {
    const text = (await Deno.readTextFile(new URL(name, HOOKS)))
      .replaceAll(BY_HAND, INSTALLED);
    await put(root, `${DOC}/examples/${name}`, text);
  }
}

/** The manual page, as the bundle prints it, and the completions. */
async function putWords(root: string, entry: string): Promise<void> {
  const page = await run(
    [Deno.execPath(), "run", "--allow-all", "--no-config", entry, "man"],
    { timeoutMs: STEP_TIMEOUT_MS },
  );
  await putZipped(root, "usr/share/man/man1/cprctl.1", page);
  const share = "usr/share";
  const { bash, zsh, fish } = SCRIPTS;
  await put(root, `${share}/bash-completion/completions/cprctl`, bash);
  await put(root, `${share}/zsh/vendor-completions/_cprctl`, zsh);
  await put(root, `${share}/fish/vendor_completions.d/cprctl.fish`, fish);
}

/** Puts a file there, and its folders. */
export async function put(
  root: string,
  path: string,
  content: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  let folder = root;
  for (const name of path.split("/").slice(0, -1)) {
    folder += `/${name}`;
    await Deno.mkdir(folder, { recursive: true });
    await Deno.chmod(folder, 0o755);
  }
  const file = `${root}/${path}`;
  if (typeof content === "string") await Deno.writeTextFile(file, content);
  else await Deno.writeFile(file, content);
  await Deno.chmod(file, mode);
}

/** The same, with gzip, which is told to note neither name nor time. */
async function putZipped(
  root: string,
  path: string,
  text: string,
): Promise<void> {
  await put(root, path, text);
  await run(["gzip", "-9n", `${root}/${path}`], { timeoutMs: STEP_TIMEOUT_MS });
}
