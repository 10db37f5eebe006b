import { readWholeText } from "../bounded_file.ts";

/** Of whatever is not known to be longer. */
const MAXIMUM_FILE = 4 * 1024 * 1024;

/**
 * Reads a file of a process.
 *
 * @param name such as "status"
 * @throws {UnreadableError} when there is no end of it, or it does not come
 */
export async function readProcText(
  pid: number | "self",
  name: string,
  limit = MAXIMUM_FILE,
): Promise<string> {
  return await readWholeText(`/proc/${pid}/${name}`, limit);
}
