/**
 * Looks into one bomb, whatever comes of it: prints the outcome, and the MiB of
 * memory that this process took at most beyond what it had before.
 */

import { BOMBS } from "../../../testing/streams/bombs.ts";
import { inputOf } from "../../../testing/streams/streams.ts";
import { Looker } from "../../../testing/streams/fuzz_inspect.ts";

const [name = ""] = Deno.args;
const bomb = BOMBS[name];
if (bomb === undefined) throw new Error(`There is no bomb "${name}"`);
const bytes = bomb.make(bomb.most);
const before = mostMemory();
const outcome = new Looker().look(inputOf(bytes));
const kibibytes = mostMemory() - before;
console.log(JSON.stringify({ outcome, mebibytes: kibibytes / 1024 }));

function mostMemory(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]);
}
