/** Extracts RAM from a stream that is cut off when some blocks are done. */
import { extractRam, inspect } from "../../../lib/inspect/mod.ts";
import { openInput } from "../../../lib/inspect/open_input.ts";

const [stream = "", folder = "", blocks = "1"] = Deno.args;
let left = Number(blocks);
using input = await openInput(stream);
const inspection = inspect(input);
if (inspection.format !== "migration-stream") throw new Error("No stream");
extractRam(inspection, input, `${folder}/ram`, () => {
  if (--left === 0) Deno.truncateSync(stream);
});
