import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  openDescriptors,
  PLAIN,
  until,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { argvOf, move, valueOf } from "./moved.ts";

const builds = await qemuBuilds();
const PATIENCE_MS = 20_000;
const NOBODY = 65_534;

/** A name with all that a command line can make a mess of. */
const NAME = "my vm, 'a' \"b\"";

/** Words that are about nothing that changes. */
const ODD_WORDS = [
  ...["-name", `guest=${NAME.replaceAll(",", ",,")},debug-threads=on`],
  ...["--device", '{ "driver": "virtio-rng-pci",  "id": "a-b" }'],
  ...["-fw_cfg", "name=opt/test,string=a,,b=c d"],
  ...["-object", '{"qom-type":"iothread","id":"io"}'],
];

Deno.test("a daemon keeps its pid and its pid file", async () => {
  await using vm = await VirtualMachine.boot(builds.old, {
    ...PLAIN,
    daemonize: true,
  }, "tcg");
  const witness = await Witness.of(vm);
  const { ino } = await Deno.stat(vm.files.pidfile);

  await move(vm, builds.new);

  assert(!(await argvOf(vm)).includes("-daemonize"));
  assertEquals((await Deno.stat(vm.files.pidfile)).ino, ino);
  assertEquals(
    Number(await Deno.readTextFile(vm.files.pidfile)),
    vm.pid,
  );
  await witness.assertLivesOn();
});

Deno.test("preallocated RAM is not allocated again", async () => {
  await using vm = await VirtualMachine.boot(builds.old, {
    ...PLAIN,
    ram: "512M",
    prealloc: true,
  }, "tcg");
  const witness = await Witness.of(vm);

  const { command_changes } = await move(vm, builds.new);

  assertEquals(
    await valueOf(vm, "-object"),
    "memory-backend-memfd,id=ram0,size=512M,share=on",
  );
  assert(command_changes.some(({ from }) => from?.endsWith(",prealloc=on")));
  await witness.assertLivesOn();
});

Deno.test("servers do not wait for a client again", async () => {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-wait-" });
  const paths = [`${folder}/qmp`, `${folder}/serial,1`, `${folder}/chardev`];
  const [qmp, serial, chardev] = paths;
  try {
    const booting = VirtualMachine.boot(builds.old, {
      ...PLAIN,
      extra: [
        ...["-qmp", `unix:${qmp},server=on,wait=on`],
        ...["-serial", `unix:${serial?.replace(",", ",,")},server`],
        ...["-chardev", `socket,id=mon,path=${chardev},server=on`],
        ...["-mon", "chardev=mon,mode=control"],
      ],
    }, "tcg");
    const visiting = Promise.all(paths.map(visit));
    await using vm = (await Promise.all([booting, visiting]))[0];
    const witness = await Witness.of(vm);
    await move(vm, builds.new);
    await witness.assertLivesOn();
    await Promise.all(paths.map(visit));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a machine alias becomes the exact machine type", async () => {
  await using vm = await VirtualMachine.boot(builds.old, PLAIN, "tcg");
  assert((await valueOf(vm, "-machine"))?.startsWith("q35,"));
  const { vm: { machine } } = await move(vm, builds.new);
  assert(/^pc-q35-\d+\.\d+$/.test(machine ?? ""), `It is "${machine}"`);
  assert((await valueOf(vm, "-machine"))?.startsWith(`${machine},`));
});

Deno.test("arguments are kept unchanged", async () => {
  await using vm = await VirtualMachine.boot(builds.old, {
    ...PLAIN,
    extra: ODD_WORDS,
  }, "tcg");
  const witness = await Witness.of(vm);

  const { vm: { name } } = await move(vm, builds.new);

  assertEquals(name, NAME);
  const argv = await argvOf(vm);
  const first = argv.indexOf("-name");
  assertEquals(argv.slice(first, first + ODD_WORDS.length), ODD_WORDS);
  assertEquals(await vm.command("query-name"), { name: NAME });
  await witness.assertLivesOn();
});

Deno.test("a program that was found in PATH gets a path", async () => {
  const [, folder = "", name = ""] = /^(.*)\/([^/]*)$/.exec(
    builds.old.binary,
  ) ?? [];
  const path = Deno.env.get("PATH") ?? "";
  Deno.env.set("PATH", `${folder}:${path}`);
  try {
    await using vm = await VirtualMachine.boot(
      { ...builds.old, binary: name },
      PLAIN,
      "tcg",
    );
    assertEquals((await argvOf(vm))[0], name);
    const witness = await Witness.of(vm);
    for (const build of [builds.new, builds.old]) {
      await move(vm, build);
      assertEquals((await argvOf(vm))[0], build.binary);
    }
    await witness.assertLivesOn();
  } finally {
    Deno.env.set("PATH", path);
  }
});

Deno.test("five updates leave nothing in the command line", async () => {
  await using vm = await VirtualMachine.boot(builds.old, {
    ...PLAIN,
    daemonize: true,
    extra: [
      ...ODD_WORDS,
      ...["-run-with", "async-teardown=on,chroot=/"],
    ],
  }, "tcg");
  const witness = await Witness.of(vm);
  await move(vm, builds.new);
  const argv = await argvOf(vm);
  const open = openDescriptors(vm.pid).length;
  for (let round = 1; round < 5; round++) {
    const build = round % 2 === 0 ? builds.new : builds.old;
    const { command_changes } = await move(vm, build);
    assertEquals(await argvOf(vm), argv.with(0, build.binary));
    assertEquals(command_changes.map(({ from }) => from).slice(1), [
      "-S",
      "-incoming defer",
      null,
    ]);
  }
  // QEMU closes the last client's connection in its own time.
  await until(
    `it has ${open} descriptors again`,
    PATIENCE_MS,
    () => openDescriptors(vm.pid).length === open,
  );
  await witness.assertLivesOn();
});

Deno.test({
  name: "a process that has dropped root keeps its user",
  ignore: Deno.uid() !== 0, // only root can become another user
  async fn() {
    await using vm = await VirtualMachine.boot(builds.old, {
      ...PLAIN,
      extra: ["-run-with", `user=${NOBODY}:${NOBODY}`],
    }, "tcg");
    for (const path of [vm.folder, vm.files.disk]) {
      await Deno.chown(path, NOBODY, NOBODY);
    }
    const witness = await Witness.of(vm);
    await move(vm, builds.new);
    assertEquals(await valueOf(vm, "-run-with"), undefined);
    const status = await Deno.readTextFile(`/proc/${vm.pid}/status`);
    assertStringIncludes(status, `Uid:${`\t${NOBODY}`.repeat(4)}\n`);
    await witness.assertLivesOn();
  },
});

/** Connects to a server as soon as there is one, and leaves again. */
async function visit(path: string): Promise<void> {
  await until(`"${path}" accepts a client`, PATIENCE_MS, async () => {
    try {
      (await Deno.connect({ transport: "unix", path })).close();
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      if (error instanceof Deno.errors.ConnectionRefused) return false;
      throw error;
    }
  });
}
