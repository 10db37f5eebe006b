import { assert, assertEquals, assertRejects } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { O_WRONLY } from "../../ffi/open_flags.ts";
import { AddressSpacePin } from "../../ffi/address_space_pin.ts";

const TIMEOUT_MS = 10_000;

/** A shell of its own that executes cat when its input has a line. */
class Victim implements AsyncDisposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "cprctl-stalled-" });
  /** The file that it runs. */
  readonly program = `${this.#folder}/sh`;
  readonly #process: Deno.ChildProcess;

  constructor() {
    Deno.copyFileSync("/bin/sh", this.program);
    this.#process = new Deno.Command(this.program, {
      args: ["-c", "echo ready; read -r _; exec cat"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Of the first mapping. */
  get address(): bigint {
    const maps = Deno.readTextFileSync(`/proc/${this.pid}/maps`);
    return BigInt(`0x${maps.split("-")[0]}`);
  }

  /** Whether somebody still has its program as theirs. */
  get isInUse(): boolean {
    try {
      using _file = Fd.open(this.program, O_WRONLY);
      return false;
    } catch (error) {
      if (!(error instanceof OsError) || error.code !== "ETXTBSY") throw error;
      return true;
    }
  }

  async hears(): Promise<string> {
    const reader = this.#process.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    return new TextDecoder().decode(value);
  }

  async says(text: string): Promise<void> {
    const writer = this.#process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.close();
    await this.#process.stdout.cancel();
    await this.#process.status;
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** Whether this process, as root mostly, may do it at all. */
async function isAllowed(): Promise<boolean> {
  await using victim = new Victim();
  await victim.hears();
  try {
    const { pid, address } = victim;
    await using _held = await AddressSpacePin.begin(pid, address, TIMEOUT_MS);
    return true;
  } catch (error) {
    assert(error instanceof OsError);
    assert(["EPERM", "EACCES", "ENOSYS"].includes(error.code), error.message);
    return false;
  }
}

const ignore = !await isAllowed();

for (const isHeld of [true, false]) {
  const name = isHeld
    ? "an address space that is held outlives an exec, and then goes"
    : "an address space that nobody holds is gone after an exec";
  Deno.test({
    name,
    ignore,
    async fn() {
      await using victim = new Victim();
      assertEquals(await victim.hears(), "ready\n");
      const { pid, address } = victim;
      const held = isHeld
        ? await AddressSpacePin.begin(pid, address, TIMEOUT_MS)
        : undefined;
      assert(victim.isInUse);
      await victim.says("go on\n");
      await victim.says("answer\n");
      assertEquals(await victim.hears(), "answer\n");
      assertEquals(victim.isInUse, isHeld);
      await held?.[Symbol.asyncDispose]();
      assert(!victim.isInUse);
    },
  });
}

Deno.test({
  name: "an address that is not mapped is refused",
  ignore,
  async fn() {
    await using victim = new Victim();
    const error = await assertRejects(
      () => AddressSpacePin.begin(victim.pid, 0n, TIMEOUT_MS),
      OsError,
    );
    assertEquals(error.code, "EIO");
  },
});

Deno.test("a process that does not exist is refused", async () => {
  const error = await assertRejects(
    () => AddressSpacePin.begin(2 ** 22 + 1, 0n, TIMEOUT_MS),
    OsError,
  );
  assertEquals(error.code, "ENOENT");
});
