import { assertEquals } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { O_ACCMODE, O_RDWR } from "../../ffi/open_flags.ts";
import {
  type DescriptorInfo,
  parseFdinfo,
  readFdinfo,
  readFdinfoSync,
} from "../../lib/proc/fdinfo.ts";

const NOTHING: DescriptorInfo = {
  flags: 0,
  closesOnExec: false,
  locks: [],
  terminal: undefined,
  interface: undefined,
};

Deno.test("a file with a lock is read", () => {
  const text = "pos:\t0\nflags:\t02100002\nmnt_id:\t24\nino:\t105\n" +
    "lock:\t1: OFDLCK ADVISORY  READ -1 fe:00:1573 100 101\n";
  assertEquals(parseFdinfo(text), {
    ...NOTHING,
    flags: 0o2100002,
    closesOnExec: true,
    locks: [{ file: "fe:00:1573", first: 100, last: 101 }],
  });
});

Deno.test("a queue of a tap interface is read", () => {
  const text =
    "pos:\t0\nflags:\t0104002\nmnt_id:\t24\nino:\t105\niff:\tmy tap\n";
  assertEquals(parseFdinfo(text), {
    ...NOTHING,
    flags: 0o104002,
    interface: "my tap",
  });
});

Deno.test("the master of a pseudo-terminal is read", () => {
  const text = "pos:\t0\nflags:\t02\nmnt_id:\t27\nino:\t86\ntty-index:\t3\n";
  assertEquals(parseFdinfo(text), { ...NOTHING, flags: 2, terminal: 3 });
});

Deno.test("what is not said is not there", () => {
  assertEquals(parseFdinfo(""), NOTHING);
  assertEquals(parseFdinfo("flags:\tmany\ntty-index:\n iff:\ttap0\n"), NOTHING);
});

Deno.test("a descriptor of this process is read, or is not open", async () => {
  using file = Fd.open("/dev/null", O_RDWR);
  const info = readFdinfoSync(Deno.pid, file.number);
  assertEquals(await readFdinfo(Deno.pid, file.number), info);
  assertEquals(info.closesOnExec, true);
  assertEquals(info.flags & O_ACCMODE, O_RDWR);
  assertEquals(await readFdinfo(Deno.pid, 1_000_000), undefined);
});
