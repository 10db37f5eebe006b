import { assertEquals } from "@std/assert";
import { Fd } from "../../../ffi/fd.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { O_RDONLY } from "../../../ffi/open_flags.ts";
import { hashFirmware } from "../../../lib/update/verify/firmware.ts";

/** Blocks of CPR state, with the descriptors that are held for them. */
function held(blocks: Readonly<Record<string, Fd>>) {
  const names = Object.keys(blocks);
  return {
    cprState: {
      descriptors: names.map((name, descriptor) => ({
        ...{ name, descriptor },
        id: 0,
      })),
      vfioDevices: [],
    },
    descriptors: new Map(Object.values(blocks).entries()),
  };
}

function memory(text: string, size = text.length): Fd {
  const fd = createMemfd("test", { size });
  fd.pwrite(new TextEncoder().encode(text), 0);
  return fd;
}

Deno.test("firmware is known by its contents", async () => {
  using stack = new DisposableStack();
  const bios = stack.use(memory("one"));
  const rom = stack.use(memory("rom"));
  const blocks = { "pc.bios": bios, "0000:00:02.0/vga.rom": rom };
  const before = await hashFirmware(held(blocks));
  assertEquals([...before.keys()], Object.keys(blocks));
  assertEquals(await hashFirmware(held(blocks)), before);
  bios.pwrite(new TextEncoder().encode("ONE"), 0);
  const after = await hashFirmware(held(blocks));
  assertEquals(after.get("pc.bios") === before.get("pc.bios"), false);
  assertEquals(
    after.get("pc.bios")?.get("sha256") ===
      before.get("pc.bios")?.get("sha256"),
    false,
  );
  assertEquals(
    after.get("0000:00:02.0/vga.rom"),
    before.get("0000:00:02.0/vga.rom"),
  );
});

Deno.test("other memory, other files and too large ones are not read", async () => {
  using stack = new DisposableStack();
  const path = await Deno.makeTempFile();
  const file = stack.use(Fd.open(path, O_RDONLY));
  await Deno.remove(path);
  const found = await hashFirmware(held({
    "pc.ram": stack.use(memory("ram")),
    "pc.rom": stack.use(memory("rom")),
    "pc.bios": file,
    "system.flash0": stack.use(memory("", 33 << 20)),
    "system.flash1": stack.use(memory("vars")),
  }));
  assertEquals([...found.keys()], ["system.flash1"]);
  const large = stack.use(memory("", 20 << 20));
  const both = { "system.flash0": large, "system.flash1": large };
  assertEquals((await hashFirmware(held(both))).size, 1);
});

Deno.test("firmware that the guest writes is not compared", async () => {
  using stack = new DisposableStack();
  const blocks = {
    "pc.bios": stack.use(memory("bios")),
    "0000:00:02.0/vga.rom": stack.use(memory("rom")),
  };
  for (
    const [machine, count] of [["microvm", 1], ["pc-q35-11.1", 2]] as const
  ) {
    assertEquals((await hashFirmware(held(blocks), machine)).size, count);
  }
});
