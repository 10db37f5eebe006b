/** Decodes a stream once, as an update does: prints how many milliseconds. */

import { decodeStream } from "../../../lib/migration/stream/mod.ts";

const [path = ""] = Deno.args;
const bytes = Deno.readFileSync(path);
const start = performance.now();
decodeStream(bytes);
console.log(performance.now() - start);
