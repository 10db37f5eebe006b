/** As the leader of a session, opens a terminal; prints which one controls it. */
import { Fd } from "../../../ffi/fd.ts";
import { check, libc } from "../../../ffi/libc.ts";
import { O_NOCTTY, O_RDWR } from "../../../ffi/open_flags.ts";

const TIOCGPTN = 0x80045430n;
const TIOCSPTLCK = 0x40045431n;

using ours = Fd.open("/dev/ptmx", O_RDWR | O_NOCTTY);
const control = (request: bigint, number: number): number => {
  const argument = Int32Array.of(number);
  const bytes = new Uint8Array(argument.buffer);
  check(libc().ioctl(ours.number, request, bytes), "ioctl");
  return argument[0] ?? -1;
};
control(TIOCSPTLCK, 0);
using _theirs = Fd.open(`/dev/pts/${control(TIOCGPTN, 0)}`, O_RDWR);
const stat = Deno.readTextFileSync("/proc/self/stat");
// state, parent, group, session, terminal
const [, , , , terminal] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
console.log(terminal === "0" ? "none" : terminal);
