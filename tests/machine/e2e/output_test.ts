/** Nobody reads what the machine writes, or it cannot be written: it runs on. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Fd } from "../../../ffi/fd.ts";
import { O_NONBLOCK, O_RDWR } from "../../../ffi/open_flags.ts";
import { NonblockingWriter } from "../../../ffi/nonblocking_writer.ts";
import { POLLIN, pollNow } from "../../../ffi/poll.ts";
import { said } from "../../ffi/processes.ts";
import { until } from "../../../testing/program/until.ts";
import {
  DEADLINE_MS,
  GuestRam,
  Lab,
  runState,
  type Vm,
} from "../../../testing/machine/mod.ts";

/** A FIFO in a lab's folder, open at both ends until it is disposed of. */
class Pipe implements Disposable {
  readonly path: string;
  readonly #fd: Fd;

  private constructor(path: string) {
    this.path = path;
    this.#fd = Fd.open(path, O_RDWR | O_NONBLOCK);
  }

  static async make(lab: Lab): Promise<Pipe> {
    const path = lab.path("pipe");
    await said(["mkfifo", path]);
    return new Pipe(path);
  }

  /** Writes dots into it until it takes no more; how many it took. */
  fill(): number {
    using writer = NonblockingWriter.over(this.#fd.number);
    const dots = new Uint8Array(4096).fill(".".charCodeAt(0));
    let taken = 0;
    for (let count = 1; count !== 0; taken += count) count = writer.write(dots);
    return taken;
  }

  /** Reads until the text matches; what was read. */
  async until(pattern: RegExp): Promise<string> {
    const buffer = new Uint8Array(65536);
    let text = "";
    await until(`${pattern} is read`, DEADLINE_MS, () => {
      while (pollNow([{ fd: this.#fd.number, events: POLLIN }])[0] !== 0) {
        const count = this.#fd.read(buffer);
        text += new TextDecoder().decode(buffer.subarray(0, count));
      }
      return pattern.test(text);
    });
    return text;
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}

/** The RAM of a guest that has begun to print each tick. */
async function printing(vm: Vm): Promise<GuestRam> {
  const ram = new GuestRam(vm.pid);
  // The program sets itself up before the first tick.
  await ram.ticked();
  ram.set("printEvery", 1);
  await ram.ticked(5);
  return ram;
}

/** Words that have the machine write to a file in place of standard output. */
function writingTo(path: string): string[] {
  return ["/bin/sh", "-c", 'out=$0; exec "$@" > "$out"', path];
}

Deno.test("a full disk under the serial log costs its bytes and no more", async () => {
  await using lab = await Lab.open();
  const pidfile = lab.path("pid");
  const vm = lab.start({
    more: ["-serial", "file:/dev/full", "-pidfile", pidfile],
  });
  const qmp = await vm.connect();
  using _ram = await printing(vm);
  await qmp.execute("quit");
  assertEquals((await vm.ended()).code, 0);
  assertEquals(
    vm.stderr.text,
    "cprctl machine: warning: serial output is lost: No space left on device\n",
  );
});

Deno.test("a serial log that nobody reads on keeps neither guest nor monitor", async () => {
  await using lab = await Lab.open();
  using pipe = await Pipe.make(lab);
  pipe.fill();
  const vm = lab.start({
    wrapper: writingTo(pipe.path),
    more: ["-serial", "stdio"],
  });
  const qmp = await vm.connect();
  using _ram = await printing(vm);
  assertEquals(await runState(qmp), "running");
  // What is printed once there is room again comes whole.
  await pipe.until(/\.$/);
  await pipe.until(/\ntick \d{6} counter \d+\n/);
  pipe.fill();
  vm.kill("SIGTERM");
  assertEquals((await vm.ended()).code, 0);
  assertEquals(vm.stderr.text, "");
});

Deno.test("a serial log may lose its reader", async () => {
  await using lab = await Lab.open();
  const pipe = await Pipe.make(lab);
  const vm = lab.start({
    wrapper: writingTo(pipe.path),
    more: ["-serial", "stdio"],
  });
  const qmp = await vm.connect();
  pipe[Symbol.dispose]();
  using _ram = await printing(vm);
  await qmp.execute("quit");
  assertEquals((await vm.ended()).code, 0);
  assertEquals(
    vm.stderr.text,
    "cprctl machine: warning: serial output is lost: Broken pipe\n",
  );
});

Deno.test("a FIFO as a serial log waits for no reader, and one may come", async () => {
  await using lab = await Lab.open();
  const path = lab.path("pipe");
  await said(["mkfifo", path]);
  const vm = lab.start({ more: ["-serial", `file:${path}`] });
  await vm.connect();
  using _ram = await printing(vm);
  using reader = await Deno.open(path, { read: true });
  const buffer = new Uint8Array(65536);
  const count = await reader.read(buffer) ?? 0;
  const text = new TextDecoder().decode(buffer.subarray(0, count));
  assertMatch(text, /\ntick \d{6} counter \d+\n/);
});

Deno.test("a monitor whose reader goes is gone, the machine is not", async () => {
  await using lab = await Lab.open();
  const pipe = await Pipe.make(lab);
  const vm = lab.start({
    wrapper: writingTo(pipe.path),
    more: ["-monitor", "stdio"],
  });
  const qmp = await vm.connect();
  await pipe.until(/\(cprctl\) $/);
  pipe[Symbol.dispose]();
  await vm.type("info status\n");
  await vm.stderr.until(/\n/);
  using ram = new GuestRam(vm.pid);
  await ram.ticked(2);
  await qmp.execute("quit");
  assertEquals((await vm.ended()).code, 0);
  assertEquals(
    vm.stderr.text,
    "cprctl machine: warning: the monitor has ended: Broken pipe\n",
  );
});

Deno.test("a monitor that is read slowly says everything, and keeps nobody", async () => {
  await using lab = await Lab.open();
  using pipe = await Pipe.make(lab);
  const dots = pipe.fill();
  const vm = lab.start({
    wrapper: writingTo(pipe.path),
    more: ["-monitor", "stdio"],
  });
  const qmp = await vm.connect();
  await vm.type("help\n");
  using ram = new GuestRam(vm.pid);
  await ram.ticked(5);
  assertEquals(await runState(qmp), "running");
  const text = await pipe.until(/\nstop\|s -- .*\n\(cprctl\) $/);
  assert(text.startsWith(".".repeat(dots)));
  assertMatch(text.slice(dots), /^cprctl .*\n\(cprctl\) cont\|c -- /);
  await qmp.execute("quit");
  assertEquals((await vm.ended()).code, 0);
});

Deno.test("a line that is too long is no command, the next one is", async () => {
  await using lab = await Lab.open();
  const vm = lab.start({ more: ["-monitor", "stdio"] });
  const long = "quit ".repeat(20_000);
  await vm.type(`${long}\ninfo status\nquit\n`);
  assertEquals((await vm.ended()).code, 0);
  assertMatch(
    vm.stdout.text,
    /\n\(cprctl\) Error: Line is too long\n\(cprctl\) VM status: running\n/,
  );
});
