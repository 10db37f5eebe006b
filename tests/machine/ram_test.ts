import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { descriptorIsOpen, Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { CprError, CprRegistry } from "../../lib/cpr/mod.ts";
import { makeRam, type RamBlock } from "../../lib/machine/ram.ts";
import { MigrationBlockers } from "../../lib/migration/mod.ts";
import { withoutLeaks } from "../ffi/leaks.ts";

const guestAddress = 0;
const RAM = { name: "ram0", size: 8192, share: true, guestAddress };
const AUX = { name: "virt.aux", size: 4096, share: true, guestAddress };

interface HandedOver {
  readonly name: string;
  readonly size: number;
  readonly id?: number;
  /** Name of its memfd, if another one. */
  readonly memfd?: string;
}

/** Makes RAM of what an old process handed over, and has it looked at. */
function takeOver(
  entries: readonly HandedOver[],
  look: (ram: readonly RamBlock[]) => void = () => {},
): void {
  const registry = new CprRegistry();
  using rest = new DisposableStack();
  for (const { name, size, id = 0, memfd = name } of entries) {
    const number = createMemfd(memfd, { size }).release();
    registry.save(name, id, number);
    // Those that were adopted are closed by then.
    rest.defer(() => descriptorIsOpen(number) && Fd.adopt(number).close());
  }
  const blockers = new MigrationBlockers();
  const ram = makeRam([RAM, AUX], "preserved", registry, blockers);
  for (const block of ram) rest.use(block);
  look(ram);
}

Deno.test("RAM that was handed over is the RAM, and handed on", () =>
  withoutLeaks(() =>
    takeOver([AUX, RAM], (ram) => {
      assertEquals(ram.map(({ name }) => name), ["ram0", "virt.aux"]);
      assertEquals(ram.map(({ usedLength }) => usedLength), [8192, 4096]);
    })
  ));

Deno.test("what was handed over must be this machine's RAM, no more, no less", () =>
  withoutLeaks(() => {
    const refusals: [HandedOver[], string][] = [
      [[], '"ram0" was not handed over'],
      [[RAM], '"virt.aux" was not handed over'],
      [[RAM, { ...AUX, id: 1 }], '"virt.aux" was not handed over'],
      [[RAM, { ...AUX, name: "virt.awx" }], '"virt.aux" was not handed over'],
      [[RAM, AUX, { ...AUX, name: "rom" }], '"rom" id 0 was handed over'],
      [[RAM, AUX, { ...AUX, id: 7 }], '"virt.aux" id 7 was handed over'],
      [[{ ...RAM, size: 4096 }, AUX], "4096 bytes: this machine has 8192"],
      [[{ ...RAM, memfd: "ram1" }, AUX], "/memfd:ram1"],
    ];
    for (const [entries, message] of refusals) {
      assertThrows(() => takeOver(entries), CprError, message);
    }
  }));

Deno.test("new RAM is zero, and handed on where it is shared", () =>
  withoutLeaks(() => {
    const registry = new CprRegistry();
    const blockers = new MigrationBlockers();
    const aux = { ...AUX, share: false };
    const [ram, other] = makeRam([RAM, aux], "new", registry, blockers);
    using _ram = ram;
    using _other = other;
    assertEquals(ram?.bytes.every((byte) => byte === 0), true);
    assertNotEquals(ram?.inode, other?.inode);
    assertEquals([...registry.walk()].map(({ name }) => name), ["ram0"]);
    for (const mode of ["cpr-exec", "cpr-transfer"] as const) {
      assertEquals(
        blockers.reasons(mode).map((it) => it.split(" ").slice(0, 2)),
        [["RAMBlock", '"virt.aux"']],
      );
    }
    assertEquals(blockers.reasons("normal"), []);
  }));

Deno.test("RAM that cannot be made leaves nothing", () =>
  withoutLeaks(() => {
    const registry = new CprRegistry();
    const make = (...blocks: (typeof RAM)[]) =>
      makeRam(blocks, "new", registry, new MigrationBlockers());
    // More than there are addresses, though a sparse file may be as large.
    const huge = { ...AUX, size: 2 ** 50 };
    const { syscall } = assertThrows(() => make(RAM, huge), OsError);
    assertEquals(syscall, "mmap");
    assertThrows(() => make(RAM, RAM), CprError, "preserved already");
    assertEquals([...registry.walk()], []);
  }));
