/**
 * Executes itself as often as its first argument says; each generation adds a
 * line with its pid to the memfd whose number is the second argument, and the
 * last prints what all have written.
 */
import { execvp } from "../../../ffi/exec.ts";
import { Fd } from "../../../ffi/fd.ts";
import { createMemfd } from "../../../ffi/memfd.ts";

const left = Number(Deno.args[0]);
using memfd = Deno.args[1] === undefined
  ? createMemfd("generations", { cloexec: false })
  : Fd.adopt(Number(Deno.args[1]));
const { ino } = memfd.stat();
memfd.writeAll(new TextEncoder().encode(`${Deno.pid} ${ino}\n`));
if (left > 0) {
  const self = new URL(import.meta.url).pathname;
  const deno = [Deno.execPath(), "run", "--allow-all", "--no-check"];
  execvp([...deno, self, `${left - 1}`, `${memfd.number}`]);
}
memfd.seek(0);
console.log(new TextDecoder().decode(memfd.readAll(1 << 20)).trimEnd());
