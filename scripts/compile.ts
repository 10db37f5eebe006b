/**
 * Builds one executable file, dist/cprctl: by deno compile or, where there is no
 * denort, in the portable form. Beside it is its SHA-256. Neither is there after
 * a build unless that build made it, ran it, and liked its answer.
 *
 * @module
 */

import { commit } from "../lib/cli/commit.ts";
import { ifThere } from "../lib/gone.ts";
import { runBuild } from "./compile/task.ts";
import { checkAnswer } from "./compile/answer.ts";
import { bundle, ENTRY } from "./compile/bundle.ts";
import { checksumPath, writeChecksum } from "./compile/checksum.ts";
import { compile } from "./compile/compiled.ts";
import { NoDenortError } from "./compile/error.ts";
import {
  type BuildOptions,
  type BuiltForm,
  HELP,
  parseOptions,
} from "./compile/options.ts";
import { makePortable } from "./compile/portable.ts";
import { runtimeFor } from "./compile/runtime.ts";
import { isThisMachine } from "./compile/target.ts";

const DIST = new URL("../dist", import.meta.url).pathname;

/** Builds what the options say; returns the path of the file. */
async function build(options: BuildOptions): Promise<string> {
  await Deno.mkdir(options.into, { recursive: true });
  const path = pathOf(options);
  for (const old of [path, checksumPath(path)]) await ifThere(Deno.remove(old));
  // In the same file system, so that the finished file can be renamed.
  const work = await Deno.makeTempDir({ dir: options.into, prefix: ".build-" });
  try {
    await buildIn(work, path, options);
    return path;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function buildIn(
  work: string,
  path: string,
  options: BuildOptions,
): Promise<void> {
  const { target } = options;
  const builtFrom = await commit();
  const folder = `${work}/bundle`;
  await Deno.mkdir(folder);
  const names = await bundle(folder, builtFrom);
  const made = `${work}/cprctl`;
  const form = await make(made, { folder, names }, options);
  if (isThisMachine(target)) {
    await checkAnswer(made, { commit: builtFrom, form, target });
  } else {
    console.error(`It was not run: it is for ${target.triple}`);
  }
  await writeChecksum(made, path);
  await Deno.rename(made, path);
}

/** Makes the file in the form that is asked for, or else can be had. */
async function make(
  output: string,
  bundle: { readonly folder: string; readonly names: readonly string[] },
  { target, form, runtime }: BuildOptions,
): Promise<BuiltForm> {
  if (form !== "portable") {
    try {
      await compile(`${bundle.folder}/${ENTRY}`, output, target);
      return "compiled";
    } catch (error) {
      if (form !== undefined || !(error instanceof NoDenortError)) throw error;
      console.error(
        "note: No denort was found, and none could be fetched" +
          `${
            reasonOf(error)
          }; this makes the portable form instead, a script ` +
          "with its own Deno",
      );
    }
  }
  await makePortable(bundle, await runtimeFor(target, runtime), output, target);
  return "portable";
}

/** One name for either form: what installs it need not know which one it is. */
function pathOf({ into, target }: BuildOptions): string {
  const machine = isThisMachine(target) ? "" : `-${target.architecture}`;
  return `${into}/cprctl${machine}`;
}

/** Why none could be fetched, in brackets. */
function reasonOf({ cause }: NoDenortError): string {
  return cause instanceof Error ? ` (${cause.message.split("\n", 1)[0]})` : "";
}

if (import.meta.main) {
  await runBuild(HELP, () => parseOptions(Deno.args, DIST), build);
}
