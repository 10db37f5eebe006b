import { assert, assertEquals, assertLess } from "@std/assert";
import { decodeCprState, encodeCprState } from "../../lib/cpr/mod.ts";
import { decodeStream } from "../../lib/migration/stream/mod.ts";
import { encodeStream } from "../../testing/streams/encode_stream.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  cprStateOf,
  MACHINES,
  openDescriptors,
  updateByHand,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();

/** Blocks whose names QEMU makes up itself, in every machine with a firmware. */
const FIRMWARE_BLOCKS: Readonly<Record<string, readonly string[]>> = {
  q35: ["pc.bios", "pc.rom"],
  pc: ["pc.bios", "pc.rom"],
  microvm: ["pc.bios"],
};

// What is handed over does not depend on who executes the guest.
for (const accelerator of ["tcg"] as const) {
  for (const machine of MACHINES) {
    Deno.test(`CPR state and stream of ${machine.name} are read (${accelerator})`, async () => {
      await using vm = await VirtualMachine.start(
        builds.old,
        machine,
        accelerator,
      );
      let bytes = new Uint8Array();
      let open = openDescriptors(vm.pid);
      const { stateFile } = await updateByHand(vm, builds.new, {
        atSwitchover: () => {
          bytes = cprStateOf(vm.pid);
          open = openDescriptors(vm.pid);
        },
      });

      const state = decodeCprState(bytes);
      assertEquals(encodeCprState(state), bytes);
      const names = new Set(state.descriptors.map(({ name }) => name));
      for (const name of ["ram0", ...FIRMWARE_BLOCKS[machine.type] ?? []]) {
        assert(names.has(name), `"${name}" is not handed over`);
      }
      for (const { name, descriptor } of state.descriptors) {
        const target = open.find(({ number }) => number === descriptor)?.target;
        assert(target?.startsWith("/memfd:"), `"${name}" is ${target}`);
      }
      const stream = await Deno.readFile(stateFile);
      const decoded = decodeStream(stream);
      assertEquals(decoded.opaqueTail, undefined);
      assertEquals(decoded.trailing.length, 0);
      assertEquals(encodeStream(decoded), stream);
      assertLess(stream.length, 1 << 20, "Guest RAM is in the state file");
    });
  }
}
