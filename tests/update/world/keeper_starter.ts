/** Starts a keeper for a process, hands it memory, and waits to be killed. */

import { createMemfd } from "../../../ffi/memfd.ts";
import { Anchors } from "../../../lib/update/world/anchors.ts";
import { Keeper } from "../../../lib/update/world/keeper.ts";
import { readWorld } from "../../../lib/update/world/world.ts";
import { cprctlWords } from "../../program/program.ts";

const [pid = "", directory = "", output = ""] = Deno.args;
const world = await readWorld(Number(pid));
const keeper = await Keeper.start({
  directory,
  world,
  groups: world.cgroups,
  place: Anchors.open(Number(pid), world).place,
  argv: ["sh", "-c", `ls -l /proc/self/fd | grep -c memfd:ram0 >"${output}"`],
  self: cprctlWords(),
});
const ram = createMemfd("ram0", { size: 4096 });
await keeper.hold([{ held: { name: "ram0", id: 0 }, fd: ram }]);
console.log("held");
await new Promise((resolve) => setTimeout(resolve, 60_000));
