/**
 * An old program that starts a child between saving CPR state and the exec. The
 * child and the new program print their descriptors.
 */

import { createMemfd } from "../../../ffi/memfd.ts";
import { setCloexec } from "../../../ffi/fd.ts";
import {
  CprRegistry,
  execWithCprState,
  saveCprState,
} from "../../../lib/cpr/mod.ts";

const [kind] = Deno.args;
const registry = new CprRegistry();
for (const name of ["ram0", "virt.aux"]) {
  registry.save(name, 0, createMemfd(name, { size: 4096 }).release());
}
const memfd = saveCprState(registry);
if (kind === "leaky") {
  for (const { descriptor } of registry.walk()) setCloexec(descriptor, false);
}
const script = (who: string) =>
  `for fd in /proc/$$/fd/*; do echo "${who} $(readlink "$fd")"; done`;
const child = new Deno.Command("/bin/sh", {
  // It looks only when its parent is the new program.
  args: [
    "-c",
    `while grep -q deno /proc/${Deno.pid}/comm; do :; done; ${script("child")}`,
  ],
  stdin: "null",
}).spawn();
execWithCprState(
  [
    "/bin/sh",
    "-c",
    `wait_for() { while [ -e "/proc/$1/fd/0" ]; do :; done; }
    wait_for ${child.pid}; ${script("new")}`,
  ],
  registry,
  memfd,
);
