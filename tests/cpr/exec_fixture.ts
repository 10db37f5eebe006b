/** A process that hands two RAM blocks over to itself, as old and new. */

import { getCloexec } from "../../ffi/fd.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import {
  CprRegistry,
  execWithCprState,
  saveCprState,
  takeCprState,
} from "../../lib/cpr/mod.ts";

const [pidBefore, ...command] = Deno.args;
const registry = takeCprState();
if (registry === undefined) {
  handOver();
} else {
  report(registry);
}

function handOver(): void {
  const registry = new CprRegistry();
  for (const [index, name] of ["ram0", "virt.nvram"].entries()) {
    const block = createMemfd(name, { size: 4096 });
    block.writeAll(new TextEncoder().encode(`contents of ${name}`));
    registry.save(name, index, block.release());
  }
  const self = [
    Deno.execPath(),
    "run",
    "--allow-all",
    import.meta.filename ?? "",
  ];
  const argv = [...command, ...self, String(Deno.pid)];
  try {
    execWithCprState(argv, registry, saveCprState(registry));
  } catch (error) {
    const cloexec = [...registry.walk()].map(({ descriptor }) =>
      getCloexec(descriptor)
    );
    console.log(JSON.stringify({ failed: String(error), cloexec }));
  }
}

function report(registry: CprRegistry): void {
  const blocks = [...registry.walk()].map(({ name, id, descriptor }) => ({
    name,
    id,
    cloexec: getCloexec(descriptor),
    text: Deno.readTextFileSync(`/proc/self/fd/${descriptor}`)
      .replaceAll("\0", ""),
  }));
  const left = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`);
    } catch {
      return ""; // the directory's own descriptor
    }
  }).filter((link) => link.includes("QEMU_CPR_EXEC_STATE"));
  console.log(JSON.stringify({
    samePid: pidBefore === String(Deno.pid),
    blocks,
    stateDescriptorsLeft: left,
    variable: Deno.env.get("QEMU_CPR_EXEC_STATE") ?? null,
  }));
}
