/** What a test does to processes and files while a playbook runs. */

import { assertEquals } from "@std/assert";
import { membersOf } from "../../../testing/update/members.ts";

/** Kills the module that works in a folder, not what Ansible started it with. */
export function killModule(folder: string): void {
  const modules = membersOf(folder).filter(({ pid }) => isModule(pid));
  assertEquals(modules.length, 1);
  for (const { pid } of modules) Deno.kill(pid, "SIGKILL");
}

function isModule(pid: number): boolean {
  const words = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
  return words.includes("ansible-module");
}
