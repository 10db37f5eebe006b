import { assertEquals, assertStringIncludes } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  PLAIN,
  until,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { move } from "./moved.ts";

const builds = await qemuBuilds();
const PATIENCE_MS = 60_000;
const BEGINNING = "the beginning\n";

/** Files that QEMU writes to, in the machine's folder, and how it is told. */
const LOGS: Readonly<Record<string, readonly string[]>> = {
  "serial,1 .log": ["-serial", "file:serial,1 .log"],
  "parallel.log": ["-parallel", "file:parallel.log"],
  "monitor.log": ["-monitor", "file:monitor.log"],
  "chardev.log": [
    ...["-chardev", "file,id=c,path=chardev.log"],
    ...["-serial", "chardev:c"],
  ],
  "null.log": [
    ...["-chardev", "null,id=n,logfile=null.log"],
    ...["-serial", "chardev:n"],
  ],
  "socket.log": ["-serial", "unix:s,server=on,wait=off,logfile=socket.log"],
};

/** The firmware talks here while it boots. */
const DEBUG = ["-debugcon", "file:debug.log"];
const FIRMWARE_PORT = ["-global", "isa-debugcon.iobase=0x402"];

Deno.test("logs keep their beginning", async () => {
  await using vm = await VirtualMachine.boot(builds.old, {
    ...PLAIN,
    extra: [...Object.values(LOGS).flat(), ...DEBUG, ...FIRMWARE_PORT],
  }, "tcg");
  for (const name of Object.keys(LOGS)) {
    await Deno.writeTextFile(`${vm.folder}/${name}`, BEGINNING);
  }
  const debug = () => Deno.readTextFile(`${vm.folder}/debug.log`);
  const said = await debug();
  assertStringIncludes(said, "SeaBIOS");
  const labels = await chardevLabels(vm);
  const witness = await Witness.of(vm);

  for (const build of [builds.new, builds.old]) {
    await move(vm, build);
    await witness.assertLivesOn();
    for (const name of Object.keys(LOGS)) {
      const text = await Deno.readTextFile(`${vm.folder}/${name}`);
      assertEquals(text.slice(0, BEGINNING.length), BEGINNING, name);
    }
    assertEquals(await debug(), said);
  }

  assertEquals(
    (await chardevLabels(vm)).filter((it) => !/monitor/.test(it)),
    labels.filter((it) => !/monitor/.test(it)),
  );
  await vm.command("system_reset");
  await until("the firmware talks again", PATIENCE_MS, async () => {
    return (await debug()).length > said.length;
  });
  assertEquals((await debug()).slice(0, said.length), said);
});

Deno.test("the log of -D is emptied, which is reported", async () => {
  await using vm = await VirtualMachine.boot(builds.old, {
    ...PLAIN,
    extra: ["-D", "qemu-d.log"],
  }, "tcg");
  const path = `${vm.folder}/qemu-d.log`;
  await Deno.writeTextFile(path, BEGINNING);
  const { checks } = await move(vm, builds.new);
  const told = checks.find(({ id }) => id === "new-command");
  assertEquals(told?.verdict, "warn");
  assertStringIncludes(told?.detail ?? "", "qemu-d.log");
  assertEquals(await Deno.readTextFile(path), "");
});

async function chardevLabels(vm: VirtualMachine): Promise<string[]> {
  const reply = await vm.command("query-chardev");
  return [...JSON.stringify(reply).matchAll(/"label":"([^"]*)"/g)]
    .map(([, label = ""]) => label).sort();
}
