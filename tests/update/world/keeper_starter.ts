/** Starts a keeper for a process, hands it memory, and waits to be killed. */

import { createMemfd } from "../../../ffi/memfd.ts";
import { Keeper } from "../../../lib/update/world/keeper.ts";
import { cprctlWords } from "../../program/program.ts";
import { worldOf } from "./world_of.ts";

const [pid = "", directory = "", output = ""] = Deno.args;
const { world, anchors } = await worldOf(Number(pid));
const keeper = await Keeper.start({
  directory,
  world,
  groups: world.cgroups,
  place: anchors.place,
  argv: ["sh", "-c", `ls -l /proc/self/fd | grep -c memfd:ram0 >"${output}"`],
  self: cprctlWords(),
  strict: true,
});
const ram = createMemfd("ram0", { size: 4096 });
await keeper.hold([{ held: { name: "ram0", id: 0 }, fd: ram }]);
console.log("held");
await new Promise((resolve) => setTimeout(resolve, 60_000));
