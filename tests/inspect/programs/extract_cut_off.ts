/** Extracts RAM from a stream that is cut off when the first block is done. */
import { extractRam, inspect } from "../../../lib/inspect/mod.ts";
import { openInput } from "../../../lib/inspect/open_input.ts";

const [stream = "", folder = ""] = Deno.args;
using input = await openInput(stream);
const inspection = inspect(input);
if (inspection.format !== "migration-stream") throw new Error("No stream");
extractRam(inspection, input, `${folder}/ram`, () => Deno.truncateSync(stream));
