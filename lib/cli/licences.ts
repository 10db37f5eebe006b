/** The licences of this program and of the parts bundled by a build. */

/** A build replaces this text; it must not occur elsewhere. */
const STAMP: string = "@licences@";

const OWN = new URL("../../LICENSE", import.meta.url);

/**
 * The texts. A program that runs from source has only its own licence, since it
 * does not include other parts.
 */
export async function licences(): Promise<string> {
  return STAMP.startsWith("@") ? await Deno.readTextFile(OWN) : STAMP;
}
