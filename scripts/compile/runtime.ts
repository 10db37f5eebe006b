/** The Deno that a portable program brings along. */

import { exists } from "../../testing/program/exists.ts";
import { run } from "../../testing/qemu/builds/child.ts";
import { checkExecutable } from "./elf.ts";
import { BuildError } from "./error.ts";
import { isThisMachine, type Target } from "./target.ts";

const FETCH_TIMEOUT_MS = 300_000;

/**
 * The path of a Deno for a target: the one that runs this, or for another kind
 * of machine the same version from npm.
 *
 * @param own a Deno that the user named
 * @throws {BuildError} if there is none
 */
export async function runtimeFor(
  target: Target,
  own: string | undefined,
): Promise<string> {
  const path = own ??
    (isThisMachine(target) ? Deno.execPath() : await fetched(target));
  await checkExecutable(path, target);
  return path;
}

/** Fetched once, then kept in the repository's cache. */
async function fetched(target: Target): Promise<string> {
  const version = `${target.runtimePackage}@${Deno.version.deno}`;
  const cache = new URL("../../.cache/runtime", import.meta.url).pathname;
  const home = `${cache}/${version.replaceAll("/", "-")}`;
  if (exists(`${home}/deno`)) return `${home}/deno`;
  await Deno.mkdir(cache, { recursive: true });
  const work = await Deno.makeTempDir({ dir: cache, prefix: "fetch-" });
  try {
    await run(
      ["npm", "pack", "--loglevel=error", "--pack-destination", work, version],
      { timeoutMs: FETCH_TIMEOUT_MS },
    );
    for await (const { name } of Deno.readDir(work)) {
      await run(["tar", "-xzf", `${work}/${name}`, "-C", work], {
        timeoutMs: FETCH_TIMEOUT_MS,
      });
    }
    await Deno.rename(`${work}/package`, home);
  } catch (cause) {
    throw new BuildError(`Cannot fetch "${version}" from npm`, {
      cause,
      remedy: `Let --runtime name a Deno for ${target.triple}`,
    });
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  return `${home}/deno`;
}
