import { assert, assertEquals, assertRejects } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { exists } from "../../testing/program/exists.ts";
import { linesOf } from "../../testing/program/lines.ts";
import {
  inTime,
  LOW_SECRET,
  PLAIN,
  until,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";

const { old } = await qemuBuilds();
const PATIENCE_MS = 30_000;

Deno.test("a witness notices a reset", async () => {
  await using vm = await VirtualMachine.boot(old, PLAIN, "tcg");
  const witness = await Witness.of(vm);
  await witness.assertLivesOn();
  using ram = vm.ram();
  const { address, bytes } = LOW_SECRET;
  const secret = ram.read(address, bytes).join();
  await vm.command("system_reset");
  await until(
    "the firmware runs",
    PATIENCE_MS,
    () => ram.read(address, bytes).join() !== secret,
  );
  await assertRejects(() => witness.assertLivesOn());
});

Deno.test("a witness notices a changed byte of RAM", async () => {
  await using vm = await VirtualMachine.boot(old, PLAIN, "tcg");
  const witness = await Witness.of(vm);
  using ram = vm.ram();
  const last = ram.read(ram.size - 1, 1);
  ram.write(ram.size - 1, last.map((it) => it ^ 1));
  await assertRejects(() => witness.assertLivesOn(), Error, "RAM has changed");
});

Deno.test("a witness notices whether a guest is stopped", async () => {
  await using vm = await VirtualMachine.boot(old, PLAIN, "tcg");
  await vm.command("stop");
  const witness = await Witness.of(vm);
  await witness.assertStandsStill();
  using ram = vm.ram();
  await assertRejects(() => ram.counterMoves(50), Error, "Gave up");
  await vm.command("cont");
  await ram.counterMoves(PATIENCE_MS);
  await assertRejects(() => witness.assertStandsStill(), Error, "ran");
});

Deno.test("a machine that does not start says why", async () => {
  await assertRejects(
    () => VirtualMachine.start(old, { ...PLAIN, disk: "nosuch" }, "tcg"),
    Error,
    "'nosuch' is not a valid device model name",
  );
});

Deno.test("a machine and its folder end with a runner that is killed", async () => {
  const runner = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", new URL("orphan.ts", import.meta.url).href],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const { pid, folder } = await inTime(
    "the runner has a machine",
    PATIENCE_MS,
    firstLine(runner.stdout),
  );
  assert(exists(`/proc/${pid}/exe`));
  runner.kill("SIGKILL");
  assertEquals((await runner.status).signal, "SIGKILL");
  await until("they are gone", PATIENCE_MS, () => {
    return !exists(`/proc/${pid}/exe`) && !exists(folder);
  });
});

async function firstLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<{ pid: number; folder: string }> {
  for await (const line of linesOf(stream)) return JSON.parse(line);
  throw new Error("The runner ended without a line");
}
