/** The collection's playbook on several hosts with embedded machines. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { until } from "../../testing/qemu/mod.ts";
import { Lab } from "../../testing/machine/mod.ts";
import { exists } from "../../testing/program/exists.ts";
import { failingScript } from "../../testing/program/failing_program.ts";
import {
  ControlNode,
  ends,
  Hypervisor,
  inode,
  killModule,
  updatesOf,
  Versions,
} from "./harness/mod.ts";

const PLAYBOOK = "cprctl.qemu.update";
const TIMEOUT_MS = 60_000;

/** Three hosts and who updates them. */
function fleet(lab: Lab, more: (host: string) => object = () => ({})) {
  const versions = new Versions(lab);
  const hosts = ["a", "b", "c"].map((name) =>
    new Hypervisor(lab, versions, name)
  );
  const node = new ControlNode(
    lab.folder,
    Object.fromEntries(
      hosts.map((
        { name, variables },
      ) => [name, { ...variables, ...more(name) }]),
    ),
  );
  return { versions, hosts, node };
}

Deno.test("a fleet is checked, updated, and then up to date", async (t) => {
  await using lab = await Lab.open();
  const { versions, hosts, node } = fleet(lab);
  const before = await Promise.all(hosts.map((host) => host.look()));
  for (const host of hosts) host.install(versions.new);

  await t.step(
    "--check --diff tells the truth and touches nothing",
    async () => {
      const played = await node.play(PLAYBOOK, "--check", "--diff");
      assertEquals(played.code, 0, played.stdout);
      assertEquals(
        ends(played),
        hosts.map((
          { name },
        ) => [name, "ok", true, "would-update", "running-old"]),
      );
      assertStringIncludes(played.stdout, `+file: device`);
      assertStringIncludes(played.stdout, "+  -incoming\n+  defer\n");
      assertEquals(await Promise.all(hosts.map((host) => host.look())), before);
      assertEquals(node.leftOver(), []);
    },
  );

  await t.step("the first run changes every host", async () => {
    const played = await node.play(PLAYBOOK, "--diff");
    assertEquals(played.code, 0, played.stdout);
    assertEquals(
      ends(played),
      hosts.map(({ name }) => [name, "ok", true, "updated", "running-new"]),
    );
    const ino = inode(versions.new);
    assertEquals(
      await Promise.all(hosts.map((host) => host.look())),
      before.map(({ pid }) => ({ pid, ino })),
    );
  });

  await t.step("the second run finds them up to date", async () => {
    const played = await node.play(PLAYBOOK);
    assertEquals(played.code, 0, played.stdout);
    assertEquals(
      ends(played),
      hosts.map(({ name }) => [name, "ok", false, "up-to-date", "running-new"]),
    );
    assert(!/changed=[1-9]/.test(played.stdout), played.stdout);
  });
});

Deno.test("a program that fails stops the batch, and a later run goes on", async () => {
  await using lab = await Lab.open();
  const { versions, hosts, node } = fleet(lab);
  const [a, b, c] = hosts;
  assert(a !== undefined && b !== undefined && c !== undefined);
  const before = await Promise.all(hosts.map((host) => host.look()));
  for (const host of hosts) host.install(versions.new);
  b.installScript(failingScript(versions.new, "exit 3"));

  const played = await node.play(PLAYBOOK);
  assert(played.code !== 0);
  assertEquals(ends(played), [
    ["a", "ok", true, "updated", "running-new"],
    ["b", "failed", false, "rolled-back", "running-old"],
  ], played.stdout);
  assertEquals((await b.look()).ino, inode(versions.old));
  assertEquals(await c.look(), before[2]);
  assertEquals(node.leftOver(), []);

  b.install(versions.new);
  const again = await node.play(PLAYBOOK);
  assertEquals(ends(again), [
    ["a", "ok", false, "up-to-date", "running-new"],
    ["b", "ok", true, "updated", "running-new"],
    ["c", "ok", true, "updated", "running-new"],
  ], again.stdout);
});

Deno.test("a VM that is refused is named, and stops no other", async () => {
  await using lab = await Lab.open();
  const { versions, hosts, node } = fleet(lab);
  const [a, b] = hosts;
  assert(a !== undefined && b !== undefined);
  for (const host of hosts) {
    await host.look();
    host.install(versions.new);
  }
  a.installScript("no program");

  const played = await node.play(PLAYBOOK);
  assertEquals(played.code, 0, played.stdout);
  assertEquals(ends(played), [
    ["a", "ok", false, "refused", "running-old"],
    ["b", "ok", true, "updated", "running-new"],
    ["c", "ok", true, "updated", "running-new"],
  ], played.stdout);
  assertStringIncludes(played.stdout, "stayed on their old QEMU");
  assertEquals((await a.look()).ino, inode(versions.old));
});

Deno.test("a killed playbook leaves VMs that recover puts in order", async () => {
  await using lab = await Lab.open();
  const { versions, hosts, node } = fleet(lab);
  const [a, ...others] = hosts;
  assert(a !== undefined);
  await Promise.all(hosts.map((host) => host.look()));
  for (const host of others) host.install(versions.new);
  const started = lab.path("started");
  a.installScript(
    failingScript(versions.new, `: >${started}; exec sleep 1000`),
  );

  const playbook = node.start(PLAYBOOK, "null");
  await until("the new program started", TIMEOUT_MS, () => exists(started));
  playbook.kill("SIGKILL");
  await playbook.status;
  killModule(lab.folder);

  const { code, stdout, stderr } = await node.cprctl("recover", "--json");
  assertEquals(code, 4, stdout + stderr);
  for (const host of hosts) {
    assertEquals((await host.look()).ino, inode(versions.old));
  }
  assertEquals(node.leftOver(), []);

  a.install(versions.new);
  const again = await node.play(PLAYBOOK);
  assertEquals(
    ends(again),
    hosts.map(({ name }) => [name, "ok", true, "updated", "running-new"]),
    again.stdout,
  );
});

Deno.test("packages are upgraded, and the VMs after them", async (t) => {
  await using lab = await Lab.open();
  const { versions, hosts, node } = fleet(lab, (name) => ({
    cprctl_packages: [`qemu-${name}`],
  }));
  const before = await Promise.all(hosts.map((host) => host.look()));
  const [a, b, c] = hosts;
  assert(a !== undefined && b !== undefined && c !== undefined);
  for (const { name, program } of [a, b]) {
    node.publish(`qemu-${name}`, versions.new, program);
  }

  await t.step("--check upgrades nothing, and says so", async () => {
    const played = await node.play(PLAYBOOK, "--check", "--limit", "a,b");
    assertEquals(played.code, 0, played.stdout);
    assertEquals(
      ends(played),
      [a, b].map((
        { name },
      ) => [name, "ok", false, "up-to-date", "running-new"]),
    );
    assertStringIncludes(played.stdout, "QEMU would be upgraded first");
    for (const { program } of [a, b]) {
      assertEquals(inode(program), inode(versions.old));
    }
  });

  await t.step("a package that cannot be had stops the batch", async () => {
    const played = await node.play(PLAYBOOK);
    assert(played.code !== 0);
    assertEquals(
      ends(played),
      [a, b].map(({ name }) => [name, "ok", true, "updated", "running-new"]),
      played.stdout,
    );
    assertStringIncludes(played.stdout, "packages/qemu-c");
    assertEquals(await c.look(), before[2]);
  });

  await t.step(
    "a later run goes on, and the next has nothing to do",
    async () => {
      node.publish("qemu-c", versions.new, c.program);
      const played = await node.play(PLAYBOOK);
      assertEquals(
        ends(played).map(([host, , changed]) => [host, changed]),
        [["a", false], ["b", false], ["c", true]],
        played.stdout,
      );
      const again = await node.play(PLAYBOOK);
      assertEquals(again.code, 0, again.stdout);
      assert(!/changed=[1-9]/.test(again.stdout), again.stdout);
    },
  );
});

/** A host with a domain, and with a VM that has a monitor. */
const HOST = `case $1 in recover) echo '{"results": []}'; exit ;; esac
case $(cat "$2") in
  *cpr_info*) echo '{"changed": false, "vms": [
    {"updatable": true, "domain": "web", "qmp": null},
    {"updatable": true, "domain": null, "qmp": "/run/a.qmp"},
    {"updatable": false, "domain": "db", "qmp": null, "name": "db", "pid": 2,
      "obstacle": "it lacks something"}]}' ;;
  *) printf '{"changed": true, "outcome": "updated", "arguments": %s}' "$(cat "$2")" ;;
esac
`;

Deno.test("domains are updated as domains", async () => {
  await using lab = await Lab.open();
  const node = new ControlNode(lab.folder, { a: {} });
  Deno.writeTextFileSync(lab.path("bin/cprctl"), `#!/bin/sh\n${HOST}`);
  const played = await node.play(PLAYBOOK);
  assertEquals(played.code, 0, played.stdout);
  assertEquals(
    updatesOf(played).map(({ result }) => {
      const { qmp, domain } = Object(result["arguments"]);
      return { qmp, domain };
    }),
    [{ qmp: undefined, domain: "web" }, {
      qmp: "/run/a.qmp",
      domain: undefined,
    }],
  );
  assertStringIncludes(played.stdout, "db: it lacks something");
});
