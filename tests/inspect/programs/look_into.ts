/**
 * Looks into one bomb, whatever comes of it: prints what that took.
 *
 * Arguments: name of the bomb, folder for guest memory.
 */

import { Meter } from "../../../testing/meter.ts";
import { BOMBS } from "../../../testing/streams/bombs.ts";
import { lookInto } from "../../../testing/streams/fuzz_inspect.ts";
import { written } from "../../../testing/streams/machine.ts";

/** The test waits less long. */
const HANG_S = 600;

const [name = "", folder = ""] = Deno.args;
const bomb = BOMBS[name];
if (bomb === undefined) throw new Error(`There is no bomb "${name}"`);
const bytes = bomb.make(bomb.most);
// What is loaded and compiled on first use is not counted.
await lookInto(written(), folder);
using meter = new Meter();
meter.begin(HANG_S);
await lookInto(bytes, folder);
console.log(JSON.stringify(meter.end()));
