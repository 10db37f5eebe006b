/** The folder for what is fetched once and used by every run. */

import { ifThere } from "../../../lib/gone.ts";

/** Its absolute path: `.cache`, or what CPRCTL_CACHE names. */
export async function cacheFolder(): Promise<string> {
  const folder = Deno.env.get("CPRCTL_CACHE") ||
    new URL("../../../.cache", import.meta.url).pathname;
  await Deno.mkdir(folder, { recursive: true });
  return await Deno.realPath(folder);
}

/** Removes a folder with all that is in it. */
export async function removeIfThere(folder: string): Promise<void> {
  await ifThere(Deno.remove(folder, { recursive: true }));
}
