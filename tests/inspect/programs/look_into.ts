/**
 * Looks into one bomb, whatever comes of it: prints the outcome, and the MiB of
 * memory that this process took at most beyond what it had before.
 */

import { BOMBS } from "../bombs.ts";
import { Looker } from "../../../testing/streams/fuzz_inspect.ts";

const [name = ""] = Deno.args;
const bytes = BOMBS[name]?.();
if (bytes === undefined) throw new Error(`There is no bomb "${name}"`);
const before = mostMemory();
const outcome = new Looker().look(bytes);
const kibibytes = mostMemory() - before;
console.log(JSON.stringify({ outcome, mebibytes: kibibytes / 1024 }));

function mostMemory(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]);
}
