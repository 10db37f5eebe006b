/**
 * Hands two RAMBlocks over to a command, as an old program does, and says when:
 * the first line is the time of the exec, in milliseconds of the host's clock.
 */

import { createMemfd } from "../../../ffi/memfd.ts";
import {
  CprRegistry,
  execWithCprState,
  saveCprState,
} from "../../../lib/cpr/mod.ts";

const BLOCKS = { "ram0": 64 * 1024 * 1024, "virt.nvram": 4096 };

const registry = new CprRegistry();
for (const [name, size] of Object.entries(BLOCKS)) {
  registry.save(name, 0, createMemfd(name, { size }).release());
}
const memfd = saveCprState(registry);
console.log(performance.timeOrigin + performance.now());
execWithCprState(Deno.args, registry, memfd);
