import { assertEquals, assertStringIncludes } from "@std/assert";
import { exists } from "../../testing/program/exists.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, until, VirtualMachine } from "../../testing/qemu/mod.ts";
import {
  assertNothingElse,
  assertRefuses,
  assertWarns,
  preflightOf,
} from "./preflight_of.ts";

const builds = await qemuBuilds();
const PATIENCE_MS = 20_000;

function start(...extra: readonly string[]): Promise<VirtualMachine> {
  return VirtualMachine.start(builds.old, { ...PLAIN, extra }, "tcg");
}

const check = (vm: VirtualMachine) => preflightOf(vm, builds.new.binary);

/** Runs with a folder that is gone afterwards. */
async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-arguments-" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a sandbox with spawn=deny is refused", async () => {
  await using vm = await start("-sandbox", "on,spawn=deny");
  const checks = await check(vm);
  assertRefuses(checks, "sandbox", "spawn=deny");
  assertNothingElse(checks, "sandbox");
});

Deno.test("other sandboxes pass", async () => {
  await using vm = await start(
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny",
  );
  assertNothingElse(await check(vm));
});

Deno.test("a seccomp filter that QEMU did not install itself is kept", async () => {
  await using vm = await start("-sandbox", "on");
  const checks = await preflightOf(vm, builds.new.binary, {
    // As if a service manager had put it there.
    argv: (words) => words.slice(0, words.indexOf("-sandbox")),
  });
  const sandbox = checks.get("sandbox");
  assertEquals(sandbox?.verdict, "ok");
  assertStringIncludes(sandbox?.detail ?? "", "under its seccomp filter");
});

Deno.test("a VM that ends with its parent is reported", async () => {
  await using vm = await start("-run-with", "exit-with-parent=on");
  const checks = await check(vm);
  assertWarns(checks, "parent", "exit-with-parent");
  assertNothingElse(checks, "parent");
});

Deno.test("capabilities that cpr-exec does not support are refused", async () => {
  await using vm = await start();
  const set = (names: readonly string[], state: boolean) =>
    vm.command("migrate-set-capabilities", {
      capabilities: names.map((capability) => ({ capability, state })),
    });
  const harmful = [
    ...["multifd", "mapped-ram", "x-ignore-shared", "dirty-bitmaps"],
    ...["return-path", "background-snapshot", "postcopy-ram"],
  ];
  for (const name of harmful) {
    await set([name], true);
    const checks = await check(vm);
    assertRefuses(checks, "capabilities", `"${name}"`);
    assertNothingElse(checks, "capabilities", "blockers");
    await set([name], false);
  }
  await set(["xbzrle", "auto-converge", "validate-uuid", "events"], true);
  assertNothingElse(await check(vm));
});

Deno.test("a VM that is being migrated is refused", () =>
  inFolder(async (folder) => {
    await using vm = await start();
    await vm.command("migrate-set-capabilities", {
      capabilities: [{ capability: "pause-before-switchover", state: true }],
    });
    await vm.command("migrate", { uri: `file:${folder}/state` });
    await until("it waits", PATIENCE_MS, async () => {
      return await vm.runState() === "finish-migrate";
    });
    const checks = await check(vm);
    assertRefuses(checks, "migration-idle", "pre-switchover");
    assertRefuses(checks, "run-state", "finish-migrate");
    assertEquals(checks.get("blockers")?.verdict, "skipped");
    await vm.command("migrate_cancel");
    await until(
      "it runs",
      PATIENCE_MS,
      async () => await vm.runState() === "running",
    );
    assertNothingElse(await check(vm));
  }));

Deno.test("a libvirt VM is refused without --domain", async () => {
  await using vm = await start("-chardev", "null,id=charmonitor");
  const checks = await check(vm);
  assertRefuses(checks, "libvirt", "libvirt");
  assertNothingElse(checks, "libvirt");
});

Deno.test("character devices need a server to connect to", () =>
  inFolder(async (folder) => {
    const path = (name: string) => `${folder}/${name}.sock`;
    const listen = (name: string) =>
      Deno.listen({ transport: "unix", path: path(name) });
    using one = listen("one");
    using two = listen("two");
    using three = listen("three");
    using tcp = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await using vm = await start(
      ...["-chardev", `socket,id=c1,path=${path("one")}`],
      ...["-chardev", `socket,id=c2,path=${path("two")},reconnect-ms=1000`],
      ...["-serial", `unix:${path("three")}`],
      ...["-chardev", `socket,id=c4,host=127.0.0.1,port=${tcp.addr.port}`],
      ...["-device", "isa-serial,chardev=c4"],
    );
    assertNothingElse(await check(vm));
    for (const listener of [one, two, three]) listener.close();
    const checks = await check(vm);
    assertRefuses(checks, "chardev-peers", `"c1"`, path("one"), path("three"));
    assertEquals(checks.get("chardev-peers")?.detail.includes(`"c2"`), false);
    assertNothingElse(checks, "chardev-peers");
    const detail = async () =>
      (await check(vm)).get("chardev-peers")?.detail ?? "";
    (await tcp.accept()).close();
    await until("the connection is down", PATIENCE_MS, async () => {
      return (await detail()).includes(`"c4"`);
    });
    using _again = listen("one");
    assertEquals((await detail()).includes(`"c1"`), false);
  }));

Deno.test("files named by arguments must exist", () =>
  inFolder(async (folder) => {
    const path = (name: string) => `${folder}/${name}`;
    for (const name of ["table", "blob"]) {
      await Deno.writeTextFile(path(name), "hello");
    }
    for (const name of ["shared", "logs"]) await Deno.mkdir(path(name));
    const pipes = [path("pipe.in"), path("pipe.out")];
    await new Deno.Command("mkfifo", { args: pipes }).output();
    await using vm = await start(
      ...["-fw_cfg", `name=opt/org.test,file=${path("table")}`],
      ...[
        "-device",
        `loader,file=${path("blob")},addr=0x3000000,force-raw=on`,
      ],
      ...[
        "-fsdev",
        `local,id=fs,path=${path("shared")},security_model=none`,
        "-device",
        "virtio-9p-pci,fsdev=fs,mount_tag=t",
      ],
      ...["-chardev", `pipe,id=pipe,path=${path("pipe")}`],
      ...["-serial", `file:${path("logs")}/serial`],
      ...["-pidfile", `${path("logs")}/pid`],
      ...[
        "-chardev",
        `socket,id=so,server=on,wait=off,path=${path("logs")}/so`,
      ],
    );
    assertNothingElse(await check(vm));
    for (const name of ["table", "blob", "pipe.in", "shared", "logs"]) {
      await Deno.remove(path(name), { recursive: true });
    }
    const checks = await check(vm);
    assertRefuses(
      checks,
      "argument-files",
      ...["table", "blob", "pipe", "shared"].map((name) => `"${path(name)}"`),
    );
    assertRefuses(checks, "argument-folders", `"${path("logs")}"`);
    assertNothingElse(checks, "argument-files", "argument-folders");
  }));

/** The build's own firmware; undefined where it is at another place. */
const firmware = ["seabios", "qemu"]
  .map((name) =>
    builds.old.binary.replace(/bin\/[^/]+$/, `share/${name}/bios-256k.bin`)
  )
  .find(exists);

Deno.test({
  name: "firmware of another size is refused",
  ignore: firmware === undefined,
  fn: () =>
    inFolder(async (folder) => {
      const file = `${folder}/bios.bin`;
      await Deno.copyFile(firmware ?? "", file);
      await using vm = await start("-bios", file);
      assertNothingElse(await check(vm));
      const { size } = await Deno.stat(file);
      await Deno.truncate(file, size / 2);
      const checks = await check(vm);
      assertRefuses(checks, "firmware", file, `${size}`);
      assertNothingElse(checks, "firmware");
    }),
});
