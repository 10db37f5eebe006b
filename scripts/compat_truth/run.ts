/** Makes many loads. @module */

import {
  type DeviceType,
  deviceTypes,
} from "../../testing/devices/catalogue.ts";
import { missingFor, recipeFor } from "../../testing/devices/recipes.ts";
import { MARK, Reaper } from "../../testing/program/reaper.ts";
import type { QemuBuild } from "../../testing/qemu/builds/builds.ts";
import { type Load, loadsOf } from "./load.ts";
import type { Trial } from "./plan.ts";

const JOBS = 2;

/**
 * Types that a VM can have with nothing of the host.
 *
 * @param only beginnings of names; all types if empty
 */
export async function usableTypes(
  builds: readonly QemuBuild[],
  only: readonly string[],
): Promise<DeviceType[]> {
  const types = new Map<string, DeviceType>();
  for (const build of builds) {
    for (const type of await deviceTypes(build)) types.set(type.name, type);
  }
  return [...types.values()].filter((type) =>
    missingFor(type) === undefined && !recipeFor(type, "", "").tpm &&
    (only.length === 0 || only.some((it) => type.name.startsWith(it)))
  ).sort((a, b) => a.name < b.name ? -1 : 1);
}

/**
 * Makes loads, several at once.
 *
 * @param folder for saved state
 * @param made is told of each
 * @param enough no trial begins after so many loads
 */
export async function makeLoads(
  trials: readonly Trial[],
  folder: string,
  made: (load: Load) => Promise<void>,
  enough = Infinity,
): Promise<void> {
  let count = 0;
  const sockets = await Deno.makeTempDir({ prefix: "cprctl-truth-" });
  // Ends every QEMU, also if this process is killed.
  await using _reaper = new Reaper(sockets);
  const environment = { [MARK]: sockets };
  const left = [...trials.entries()];
  const work = async () => {
    while (count < enough) {
      const next = left.shift();
      if (next === undefined) return;
      const [id, trial] = next;
      const place = {
        socket: `${sockets}/${id}`,
        state: `${folder}/${id}`,
        environment,
      };
      for await (const load of loadsOf(trial, place)) {
        count++;
        await made(load);
      }
    }
  };
  await Promise.all(Array.from({ length: JOBS }, work));
}
