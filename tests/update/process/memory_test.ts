import { assertEquals, assertRejects } from "@std/assert";
import { Mapping } from "../../../ffi/mapping.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { spawn } from "../../../ffi/spawn.ts";
import { until } from "../../../testing/program/until.ts";
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

Deno.test("an address where nothing is mapped cannot be written", async () => {
  const error = await assertRejects(() =>
    writeMemory({ pid, owner }, 0x1000n, Uint8Array.of(1))
  );
  assertEquals((error as { code?: string }).code, "EIO");
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

Deno.test("the memory of a set-user-ID program is not written", {
  ignore: owner.uid !== 0,
}, async () => {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  try {
    await Deno.chmod(folder, 0o755);
    const file = `${folder}/sleep`;
    await Deno.copyFile("/bin/sleep", file);
    await Deno.chown(file, 65533, 65533);
    await Deno.chmod(file, 0o4755);
    const user = ["setpriv", "--reuid=65534", "--regid=65534"];
    using child = spawn([...user, "--clear-groups", file, "1000"], {
      descriptors: new Map(),
    });
    const comm = `/proc/${child.pid}/comm`;
    await until(
      "the program is executed",
      20_000,
      () => Deno.readTextFileSync(comm) === "sleep\n",
    );
    for (const uid of [65533, 65534]) {
      const vm = { pid: child.pid, owner: { uid, gid: 65534 } };
      assertEquals(await canWriteMemory(vm), false);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
