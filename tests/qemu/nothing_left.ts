/** What is left beside a VM that got another process, or kept its own. */

import { assertEquals } from "@std/assert";
import type { VirtualMachine } from "../../testing/qemu/mod.ts";
import { runDirectories } from "../../testing/update/fixture.ts";
import { membersOf } from "../../testing/update/members.ts";

/**
 * Nothing is left beside the VM and its own files.
 *
 * @param before the VM's process when the update began
 */
export async function assertAlone(
  vm: VirtualMachine,
  before: number,
): Promise<void> {
  assertEquals(membersOf(vm.folder).map(({ pid }) => pid), [vm.pid]);
  assertEquals(await runDirectories(before), []);
  const left = [...Deno.readDirSync(vm.folder)].map(({ name }) => name)
    .filter((name) => /\.(cprctl|cpr|main)$/.test(name));
  assertEquals(left, []);
}
