import { assertEquals } from "@std/assert";
import { CPR_EXEC_STATE, decodeCprState } from "../../../lib/cpr/mod.ts";
import { Gate } from "../../../testing/program/gate.ts";
import { runCprctl } from "../../../testing/program/program.ts";
import { until } from "../../../testing/program/until.ts";
import {
  DEADLINE_MS,
  GuestRam,
  Lab,
  memfdsOf,
} from "../../../testing/machine/mod.ts";

Deno.test("CPR state is shown between the exec and the new program's load", async () => {
  await using lab = await Lab.open();
  const gate = await Gate.make(lab.folder);
  const vm = lab.start();
  const qmp = await vm.connect();
  const old = Deno.readLinkSync(`/proc/${vm.pid}/exe`);
  using ram = new GuestRam(vm.pid);
  await ram.ticked(1);
  const updated = vm.update(qmp, [...gate.words, ...vm.successor]);
  const look = async () => {
    await until(
      "the old program is replaced",
      DEADLINE_MS,
      () => Deno.readLinkSync(`/proc/${vm.pid}/exe`) !== old,
    );
    const { code, stdout, stderr } = await runCprctl([
      ...["inspect", "--json", "--pid", String(vm.pid)],
    ]);
    assertEquals([code, stderr], [0, ""]);
    const memfds = memfdsOf(vm.pid);
    const state = memfds.get(CPR_EXEC_STATE)?.number ?? -1;
    const bytes = Deno.readFileSync(`/proc/${vm.pid}/fd/${state}`);
    const { format, size, descriptors } = JSON.parse(stdout);
    assertEquals([format, size], ["cpr-state", bytes.length]);
    assertEquals(descriptors, decodeCprState(bytes).descriptors);
    for (const { name, descriptor } of descriptors) {
      assertEquals(memfds.get(name)?.number, descriptor);
    }
  };
  await Promise.all([updated, look().finally(() => gate.open())]);
  await ram.ticked(2);
});
