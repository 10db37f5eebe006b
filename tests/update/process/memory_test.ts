import { assertEquals, assertRejects } from "@std/assert";
import { Mapping } from "../../../ffi/mapping.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { UpdateProblem } from "../../../lib/update/error.ts";
import {
  canWriteMemory,
  writeMemory,
} from "../../../lib/update/process/memory.ts";

const { pid } = Deno;
const owner = { uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 };
const stranger = { ...owner, uid: owner.uid + 1 };

function mapped(): Mapping {
  using file = createMemfd("memory-test", { size: 3 });
  return Mapping.map(file, { length: 3, shared: true, writable: true });
}

Deno.test("the memory of a VM's process is written", async () => {
  using memory = mapped();
  const bytes = Uint8Array.of(1, 2, 3);
  await writeMemory({ pid, owner }, memory.address, bytes);
  assertEquals([...memory.bytes], [1, 2, 3]);
  assertEquals(await canWriteMemory({ pid, owner }), true);
});

Deno.test("the memory of another user's process is not written", async () => {
  using memory = mapped();
  const vm = { pid, owner: stranger };
  await assertRejects(
    () => writeMemory(vm, memory.address, Uint8Array.of(1)),
    UpdateProblem,
    "has changed since",
  );
  assertEquals([...memory.bytes], [0, 0, 0]);
  assertEquals(await canWriteMemory(vm), false);
});
