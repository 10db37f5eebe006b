/** `cprctl exec` as a process: what ends it, what it only names, what it says. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { duplicate, Fd } from "../../ffi/fd.ts";
import { check, libc } from "../../ffi/libc.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR } from "../../ffi/open_flags.ts";
import { NonblockingWriter } from "../../ffi/nonblocking_writer.ts";
import { Waker } from "../../ffi/poll.ts";
import { said } from "../ffi/processes.ts";
import { altered, MASKS } from "../../testing/machine/damage.ts";
import { eachOf } from "../../testing/machine/each_of.ts";
import { seededRandom } from "../../testing/machine/random.ts";
import { type Entry, type Given, wrapped } from "./wrapped.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const PAGE = 4096;

/** What a case may make for itself; all of it ends with the test. */
class Bench implements Disposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "cprctl-exec-" });
  readonly #resources = new DisposableStack();

  memfd(name: string, size = PAGE): Fd {
    return this.#resources.use(createMemfd(name, { size }));
  }

  readOnly(memfd: Fd): Fd {
    return this.open(`/proc/self/fd/${memfd.number}`, O_RDONLY);
  }

  open(path: string, flags = O_RDWR): Fd {
    return this.#resources.use(Fd.open(path, flags));
  }

  file(): Fd {
    const file = this.open(`${this.folder}/file`, O_RDWR | O_CREAT);
    file.truncate(PAGE);
    return file;
  }

  socket(): Fd {
    const pair = new Int32Array(2);
    check(libc().socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
    const [left = -1, right = -1] = pair;
    this.#resources.use(Fd.adopt(left));
    return this.#resources.use(Fd.adopt(right));
  }

  eventfd(): Fd {
    const waker = this.#resources.use(new Waker());
    return this.#resources.use(duplicate(waker.number));
  }

  /** Open at both ends, and not blocking. */
  async fifo(): Promise<{ path: string; fd: Fd }> {
    const path = `${this.folder}/fifo`;
    await said(["mkfifo", path]);
    return { path, fd: this.open(path, O_RDWR | O_NONBLOCK) };
  }

  [Symbol.dispose](): void {
    this.#resources[Symbol.dispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

interface Case extends Given {
  readonly name: string;
  readonly entries?: (bench: Bench) => Entry[] | Promise<Entry[]>;
  readonly says: RegExp;
}

/** An entry "ram0" that is something. */
function ram0(fd: (bench: Bench) => Fd): Pick<Case, "entries"> {
  return { entries: (bench) => [{ name: "ram0", fd: fd(bench) }] };
}

const appended = (table: Uint8Array<ArrayBuffer>, ...bytes: number[]) =>
  Uint8Array.of(...table, ...bytes);
/** The one of vfio, which is empty: type byte to the end of its list. */
const VFIO_SIZE = 28;

const REFUSED: readonly Case[] = [
  {
    name: "no CPR state",
    variable: null,
    says:
      /There is no CPR state: QEMU_CPR_EXEC_STATE is not set\n {2}try: Use this/,
  },
  { name: "a variable that is no number", variable: "x", says: /is "x": no / },
  { name: "a variable of a closed one", variable: "77", says: /"77": no open/ },
  {
    name: "torn CPR state",
    ...ram0((bench) => bench.memfd("ram0")),
    table: (table) => table.slice(0, 20),
    says: /the stream ends here/,
  },
  {
    name: "CPR state torn in what follows its list",
    table: (table) => table.slice(0, -1),
    says: /the stream ends here/,
  },
  {
    name: "no bytes at all",
    table: () => new Uint8Array(),
    says: /ends early/,
  },
  {
    name: "what is no CPR state",
    table: (table) => table.with(0, 0x58),
    says: /not "QCPR"/,
  },
  {
    name: "another version of it",
    table: (table) => table.with(7, 2),
    says: /version 2 is not supported/,
  },
  {
    name: "a closed descriptor",
    entries: () => [{ name: "ram0" }],
    says:
      /descriptor 50 for "ram0" id 0: it is not open\n {2}try: A wrapper must not/,
  },
  {
    name: "a descriptor of the runtime's in place of a closed one",
    entries: () => [{ name: "ram0", number: 3 }],
    says: /it is (?:close-on-exec and would not survive|not open)/,
  },
  {
    name: "an empty memfd",
    ...ram0((bench) => bench.memfd("ram0", 0)),
    says: /Descriptor 50 cannot be "ram0": it is empty, so it is not RAM/,
  },
  {
    name: "a directory as RAM",
    ...ram0((bench) => bench.open(bench.folder, O_RDONLY)),
    says: /cannot be "ram0": it is "\/.*", not memory/,
  },
  {
    name: "a FIFO as RAM",
    entries: async (bench) => [{ name: "ram0", fd: (await bench.fifo()).fd }],
    says: /cannot be "ram0": it is "\/.*\/fifo", not memory/,
  },
  {
    name: "a socket as RAM",
    ...ram0((bench) => bench.socket()),
    says: /cannot be "ram0": it is "socket:\[\d+\]", not memory/,
  },
  {
    name: "an eventfd as a ROM",
    entries: (bench) => [{ name: "pc.rom", fd: bench.eventfd() }],
    says: /cannot be "pc.rom": it is "anon_inode:\[eventfd\]", not mem/,
  },
];

for (const { name, entries = () => [], says, ...given } of REFUSED) {
  Deno.test(`cprctl exec refuses ${name}`, async () => {
    using bench = new Bench();
    const { code, stdout, stderr } = await wrapped(
      bench.folder,
      await entries(bench),
      given,
    );
    assertEquals([code, stdout], [5, ""], stderr);
    assertMatch(
      stderr,
      /^cprctl exec: pid \d+: error: .*\n(?: {2}try: .*\n)?$/,
    );
    assertMatch(stderr, says);
  });
}

const DOUBTED: readonly Case[] = [
  {
    name: "bytes behind CPR state",
    table: (table) => appended(table, 1, 2, 3),
    says:
      /\(warning: CPR state is malformed at offset \d+: 3 bytes follow its end\)/,
  },
  {
    name: "a subsection of a newer QEMU",
    table: (table) => {
      const title = new TextEncoder().encode("CprState/tap devices");
      const version = [0, 0, 0, 1];
      return appended(
        table.slice(0, -VFIO_SIZE),
        ...[5, title.length, ...title, ...version, 0xab, 0xcd],
      );
    },
    says: /subsection "CprState\/tap devices" is not known here\)/,
  },
  {
    name: "an entry that comes twice, with one descriptor",
    entries: (bench) => [
      { name: "ram0", fd: bench.memfd("ram0") },
      { name: "ram0", number: 50 },
    ],
    says:
      /"ram0" id 0 is in it twice; descriptor 50 .* is that of "ram0" too\)/,
  },
  {
    name: "a memfd of another name",
    ...ram0((bench) => bench.memfd("something")),
    says: /warning: descriptor 50 of "ram0" is the memfd "something"\)/,
  },
  {
    name: "RAM that cannot be written",
    ...ram0((bench) => bench.readOnly(bench.memfd("ram0"))),
    says: /warning: descriptor 50 of "ram0" is read-only\)/,
  },
  {
    name: "RAM of half a page",
    ...ram0((bench) => bench.memfd("ram0", PAGE + 1)),
    says: /warning: descriptor 50 of "ram0" has 4097 bytes\)/,
  },
  {
    name: "a device that is none of QEMU's",
    ...ram0((bench) => bench.open("/dev/zero")),
    says: /warning: descriptor 50 of "ram0" is "\/dev\/zero"\)/,
  },
  {
    name: "a file that is none of QEMU's",
    ...ram0((bench) => bench.file()),
    says: /warning: descriptor 50 of "ram0" is the file "\/.*\/file"\)/,
  },
  {
    name: "a socket that is not known to be RAM",
    entries: (bench) => [{ name: "serial0", fd: bench.socket() }],
    says: /warning: descriptor 50 of "serial0" is "socket:\[\d+\]"\)/,
  },
  {
    name: "more than it can name",
    entries: (bench) =>
      Array.from({ length: 11 }, (_, index) => ({
        name: `chardev${index}`,
        fd: bench.file(),
      })),
    says: /descriptor 57 of "chardev7" is the file "[^"]*"; and 3 more\)/,
  },
];

for (const { name, entries = () => [], says, ...given } of DOUBTED) {
  Deno.test(`cprctl exec names ${name}, and executes`, async () => {
    using bench = new Bench();
    const { code, stdout, stderr } = await wrapped(
      bench.folder,
      await entries(bench),
      given,
    );
    assertEquals([code, stdout], [0, "ran\n"], stderr);
    assertMatch(stderr, /^cprctl exec: pid \d+: .*: executing "\/bin\/sh"\n$/);
    assertMatch(stderr, says);
  });
}

const SEED = Number(Deno.env.get("CPRCTL_SEED") ?? 1);
const SAMPLES = 40;
const AT_ONCE = 4;

Deno.test("damaged CPR state is refused or doubted, whatever the damage", async () => {
  using bench = new Bench();
  const entries = [
    { name: "ram0", fd: bench.memfd("ram0") },
    { name: "pc.bios", fd: bench.memfd("pc.bios") },
  ];
  const random = seededRandom(SEED);
  const damages = Array.from({ length: SAMPLES }, (_, index) => {
    const [at, mask] = [random(2 ** 16), MASKS[index % 2] ?? 1];
    return index % 4 === 3
      ? (it: Uint8Array<ArrayBuffer>) => it.slice(0, at % it.length)
      : (it: Uint8Array<ArrayBuffer>) => altered(it, at % it.length, mask);
  });
  const withoutVfio = (it: Uint8Array) => it.length - VFIO_SIZE;
  await eachOf(damages, AT_ONCE, async (table) => {
    const folder = await Deno.makeTempDir({ dir: bench.folder });
    let isWhole = false;
    const { code, stderr } = await wrapped(folder, entries, {
      table: (it) => {
        isWhole = table(it).length === withoutVfio(it);
        return table(it);
      },
    });
    assertMatch(
      stderr,
      /^cprctl exec: pid \d+: .*\n(?: {2}try: .*\n)?$/,
    );
    if (code !== 5) {
      assertEquals(code, 0, stderr);
      assert(isWhole || stderr.includes("(warning: "), stderr);
    }
  });
});

const HANDED_OVER =
  /^cprctl exec: pid \d+: 1 descriptors survive, 1 of them RAM of 0\.0 MiB: executing "\/bin\/sh"\n$/;

/** Hands one good block over; the wrapper executes whatever its log is like. */
async function logged(
  bench: Bench,
  given: Given,
): Promise<{ stderr: string }> {
  const entries = [{ name: "ram0", fd: bench.memfd("ram0") }];
  const { code, stdout, stderr } = await wrapped(bench.folder, entries, given);
  assertEquals([code, stdout], [0, "ran\n"], stderr);
  return { stderr };
}

Deno.test("cprctl exec writes one line, to the log or else to stderr", async () => {
  using bench = new Bench();
  assertMatch((await logged(bench, {})).stderr, HANDED_OVER);
  const log = `${bench.folder}/log`;
  for (let run = 1; run <= 2; run++) {
    assertEquals(
      (await logged(bench, { words: ["--log", log, "--"] })).stderr,
      "",
    );
    const lines = (await Deno.readTextFile(log)).match(/.*\n/g) ?? [];
    assertEquals(lines.length, run);
    for (const line of lines) assertMatch(line, HANDED_OVER);
  }
});

Deno.test("a log that cannot be written does not keep cprctl exec", async () => {
  using bench = new Bench();
  const { path, fd } = await bench.fifo();
  using writer = NonblockingWriter.over(fd.number);
  const full = new Uint8Array(PAGE);
  while (writer.write(full) > 0);
  await Deno.symlink("/dev/null", `${bench.folder}/link`);
  const lonely = `${bench.folder}/lonely`;
  await said(["mkfifo", lonely]);
  const logs = [
    { log: path, why: "" },
    { log: lonely, why: "No such device or address" },
    { log: "/dev/full", why: "No space left on device" },
    { log: "/nonexistent/log", why: "No such file or directory" },
    { log: bench.folder, why: "Is a directory" },
    { log: `${bench.folder}/link`, why: "symbolic links" },
  ];
  for (const { log, why } of logs) {
    const { stderr } = await logged(bench, { words: ["--log", log, "--"] });
    const [line = "", reason = ""] = stderr.split(/(?<=\n)/);
    assertMatch(line, HANDED_OVER);
    assert(reason.includes(why), `${log}: ${reason}`);
  }
});

Deno.test("a full stderr does not keep cprctl exec, and stays as it is", async () => {
  using bench = new Bench();
  const path = `${bench.folder}/fifo`;
  const { fd: reader } = await bench.fifo();
  const stderr = bench.open(path, 1);
  using writer = NonblockingWriter.over(stderr.number);
  const full = new Uint8Array(PAGE);
  while (writer.write(full) > 0);
  await logged(bench, { stderr });
  // And one that nobody reads: the last reader is this process.
  reader.close();
  await logged(bench, { stderr });
  const info = await Deno.readTextFile(`/proc/self/fdinfo/${stderr.number}`);
  const flags = parseInt(/^flags:\s+(\d+)$/m.exec(info)?.[1] ?? "", 8);
  assertEquals(flags & O_NONBLOCK, 0);
});

Deno.test("a command that cannot be executed is said in words", async () => {
  using bench = new Bench();
  const entries = [{ name: "ram0", fd: bench.memfd("ram0") }];
  const { code, stderr } = await wrapped(bench.folder, entries, {
    command: ["/nonexistent/qemu"],
  });
  assertEquals(code, 5);
  assertMatch(
    stderr,
    /\nc.*: Cannot execvp "\/nonexistent\/qemu": No such file or directory/,
  );
});
