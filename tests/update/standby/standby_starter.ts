/** Starts a standby for a process, hands it memory, and waits to be killed. */

import { createMemfd } from "../../../ffi/memfd.ts";
import { Standby } from "../../../lib/update/standby/standby.ts";
import { cprctlWords } from "../../../testing/program/program.ts";
import { contextOf } from "./context_of.ts";

const [pid = "", directory = "", output = ""] = Deno.args;
const { context, pinned } = await contextOf(Number(pid));
const standby = await Standby.start({
  directory,
  context,
  groups: context.cgroups,
  files: pinned.files,
  argv: ["sh", "-c", `ls -l /proc/self/fd | grep -c memfd:ram0 >"${output}"`],
  self: cprctlWords(),
  strict: true,
});
const ram = createMemfd("ram0", { size: 4096 });
await standby.hold([{ role: { name: "ram0", id: 0 }, fd: ram }]);
console.log("held");
await new Promise((resolve) => setTimeout(resolve, 60_000));
