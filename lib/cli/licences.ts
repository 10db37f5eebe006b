/** The licences of this program and of what a build put into it. */

/** Stands in this line alone; a build replaces it. */
const STAMP: string = "@licences@";

const OWN = new URL("../../LICENSE", import.meta.url);

/**
 * The texts. From its source the program has its own alone: what else it runs
 * on was not brought along by it.
 */
export async function licences(): Promise<string> {
  return STAMP.startsWith("@") ? await Deno.readTextFile(OWN) : STAMP;
}
