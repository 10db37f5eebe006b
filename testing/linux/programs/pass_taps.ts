/**
 * Executes a program that has the queues of a tap interface open, as a manager
 * of VMs does: `NAME FIRST QUEUES PROGRAM ARGUMENT…`. FIRST is the number of the
 * first one.
 */
import { execvp } from "../../../ffi/exec.ts";
import { openTap } from "../../qemu/tap.ts";

const [name = "", first, queues, ...argv] = Deno.args;
for (let index = 0; index < Number(queues); index++) {
  openTap(name, true).takeNumber(Number(first) + index);
}
execvp(argv);
