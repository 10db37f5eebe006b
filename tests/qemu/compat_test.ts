import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  compareDumps,
  type Dump,
  loadDump,
} from "../../lib/inspect/compat/mod.ts";
import { output } from "../../testing/program/tool.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { runCprctl } from "../../testing/program/program.ts";
import { MACHINES, PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";
import { assertRefuses, assertWarns, preflightOf } from "./preflight_of.ts";

const builds = await qemuBuilds();
const IN_CELL = { inSandbox: true } as const;
const [OLD, NEW] = [builds.old.binary, builds.new.binary];

for (const machine of ["q35", "pc", "microvm"]) {
  Deno.test(`the builds load each other's ${machine}`, async () => {
    const [old, next] = await Promise.all(
      [OLD, NEW].map((program) => loadDump(program, { machine })),
    );
    assert(old !== undefined && next !== undefined);
    assert(old.types.size > 100, `${old.types.size} types`);
    assertEquals(compareDumps(old, next).findings, []);
    assertEquals(compareDumps(next, old).findings, []);
  });
}

/** The lines of `-machine help`: "none   empty machine". */
async function machineTypes(program: string): Promise<string[]> {
  const { stdout } = await output([program, "-machine", "help"]);
  return [...stdout.matchAll(/^(\S+) {2,}/gm)].map(([, name = ""]) => name);
}

for (const { binary, version } of [builds.old, builds.new]) {
  Deno.test(`QEMU ${version} loads its own state, on every machine`, async () => {
    const types = await machineTypes(binary);
    assert(types.includes("pc-q35-11.1") && types.length > 20, types.join());
    let first: Dump | undefined;
    for (const machine of types) {
      const dump = await loadDump(binary, { machine });
      assertEquals(compareDumps(dump, dump).findings, [], machine);
      first ??= dump;
      // So that it does not matter which machine a dump was made with.
      assertEquals(compareDumps(first, { ...dump, machine: first.machine }), {
        findings: [],
        unseen: [],
      }, machine);
    }
  });
}

Deno.test("the preflight finds nothing between the builds", async (t) => {
  for (const machine of MACHINES.filter(({ daemonize }) => !daemonize)) {
    await t.step(machine.name, async () => {
      await using vm = await VirtualMachine.start(builds.old, machine, "tcg");
      const checks = await preflightOf(vm, NEW, IN_CELL);
      const { verdict, detail } = checks.get("compat") ?? {};
      assertEquals(verdict, "ok", detail);
    });
  }
});

/** The new build, with its dump edited by sed. */
async function edited(vm: VirtualMachine, script: string): Promise<string> {
  const path = await Deno.makeTempFile({ dir: vm.folder });
  await Deno.writeTextFile(
    path,
    `#!/bin/sh
"${NEW}" "$@" || exit
case "$*" in *-dump-vmstate*)
  dump=$(sed '${script}' "$4") && printf '%s\\n' "$dump" >"$4" ;;
esac\n`,
  );
  await Deno.chmod(path, 0o755);
  return path;
}

const OLDER_LPC = '/"name": "ICH9LPC"/{n;s/: 1,/: 0,/}';
const OTHER_BLK = '/"name": "virtio-blk"/,/"size"/s/"virtio"/"other"/';
const OLDER_NET = '/"name": "virtio-net"/{n;s/: 11,/: 10,/}';

Deno.test("a device that the new program would not load is reported", async (t) => {
  await using vm = await VirtualMachine.start(builds.old, PLAIN, "tcg");
  const monitor = ["--qmp", vm.files.qmp];
  await t.step("refused", async () => {
    const path = await edited(vm, OLDER_LPC);
    assertRefuses(
      await preflightOf(vm, path, IN_CELL),
      "compat",
      '"ICH9LPC"',
      "0 is",
    );
    const { code, stdout } = await runCprctl(["compat", OLD, path, ...monitor]);
    assertEquals(code, 3);
    assertStringIncludes(stdout, "refuse  ICH9LPC: version 1 is sent");
  });
  await t.step("doubtful", async () => {
    const path = await edited(vm, OTHER_BLK);
    assertWarns(await preflightOf(vm, path, IN_CELL), "compat", '"virtio-blk"');
    const { code } = await runCprctl(["compat", OLD, path, ...monitor]);
    assertEquals(code, 1);
  });
  await t.step("of no matter", async () => {
    const path = await edited(vm, OLDER_NET);
    assertEquals(
      (await preflightOf(vm, path, IN_CELL)).get("compat")?.verdict,
      "ok",
    );
    const { code, stdout } = await runCprctl(["compat", OLD, path, ...monitor]);
    assertEquals(code, 0);
    assertStringIncludes(
      stdout,
      "1 more concerns a device that this VM does not have",
    );
    assertEquals((await runCprctl(["compat", OLD, path])).code, 3);
  });
});

Deno.test("a deleted program can still be probed", async () => {
  // Its libraries are found by where it lies.
  const binary = await Deno.makeTempFile({ dir: OLD.replace(/[^/]*$/, "") });
  let isThere = true;
  try {
    await Deno.copyFile(OLD, binary);
    await Deno.chmod(binary, 0o755);
    const build = { ...builds.old, binary };
    await using vm = await VirtualMachine.start(build, PLAIN, "tcg");
    await Deno.remove(binary);
    isThere = false;
    const checks = await preflightOf(vm, NEW, IN_CELL);
    const { verdict, detail } = checks.get("compat") ?? {};
    assertEquals(verdict, "ok", detail);
  } finally {
    if (isThere) await Deno.remove(binary);
  }
});
