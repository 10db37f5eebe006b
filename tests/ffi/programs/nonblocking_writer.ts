/** Writes lines to a kind of output until it takes no more, and says how. */
import { Fd } from "../../../ffi/fd.ts";
import { check, libc, OsError } from "../../../ffi/libc.ts";
import { O_NOCTTY, O_NONBLOCK, O_RDWR } from "../../../ffi/open_flags.ts";
import { NonblockingWriter } from "../../../ffi/nonblocking_writer.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const TIOCGPTN = 0x8004_5430n;
const TIOCSPTLCK = 0x4004_5431n;
const LONG_MS = 30_000;

/** Where to read what is written to the other; both wait when used plainly. */
function pair(kind: string): [reader: Fd, writer: Fd] {
  const [path = ""] = Deno.args.slice(1);
  switch (kind) {
    case "fifo": {
      const reader = Fd.open(path, O_NONBLOCK);
      return [reader, Fd.open(path, 1)];
    }
    case "socket": {
      const both = new Int32Array(2);
      check(
        libc().socketpair(AF_UNIX, SOCK_STREAM, 0, both),
        "socketpair",
      );
      const [left = -1, right = -1] = both;
      return [Fd.adopt(left), Fd.adopt(right)];
    }
    default: {
      const master = Fd.open("/dev/ptmx", O_RDWR | O_NOCTTY);
      const number = new Uint8Array(4);
      check(libc().ioctl(master.number, TIOCSPTLCK, number), "ioctl");
      check(libc().ioctl(master.number, TIOCGPTN, number), "ioctl");
      const slave = `/dev/pts/${new Uint32Array(number.buffer)[0]}`;
      return [master, Fd.open(slave, O_RDWR | O_NOCTTY)];
    }
  }
}

function isNonblocking(fd: Fd): boolean {
  const info = Deno.readTextFileSync(`/proc/self/fdinfo/${fd.number}`);
  return (parseInt(/^flags:\s+(\d+)$/m.exec(info)?.[1] ?? "", 8) &
    O_NONBLOCK) !== 0;
}

const [reader, end] = pair(Deno.args[0] ?? "");
using writer = NonblockingWriter.over(end.number);
const line = new TextEncoder().encode(`${"x".repeat(78)}\n`);

function fill(): number {
  let taken = 0;
  for (;;) {
    const count = writer.write(line);
    if (count === 0) return taken;
    taken += count;
  }
}

const first = fill();
const writable = writer.writable(LONG_MS);
for (let drained = 0; drained < first;) {
  drained += reader.read(new Uint8Array(65536));
}
const second = await writable ? fill() : 0;
reader.close();
let result = "written";
try {
  writer.write(line);
} catch (error) {
  result = error instanceof OsError ? error.code : String(error);
}
console.log(JSON.stringify({
  filled: first > 1024 && second > 1024,
  nonblocking: isNonblocking(end),
  end: result,
}));
