/** What would lose the VM is refused in words, at once, while the VM runs. */

import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  type JsonObject,
  type QmpClient,
  QmpCommandError,
} from "../../../lib/qmp/mod.ts";
import {
  ask,
  enable,
  GuestRam,
  Lab,
  prepareExec,
  runState,
  story,
} from "../../../testing/machine/mod.ts";

/** The words in which a command is refused. */
async function refusal(
  qmp: QmpClient,
  command: string,
  args: JsonObject,
): Promise<string> {
  const error = await assertRejects(
    () => qmp.execute(command, args),
    QmpCommandError,
    undefined,
    JSON.stringify(args),
  );
  return error.description;
}

Deno.test("a channel that is no file is refused, and the VM never stops", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const qmp = await vm.connect();
  await enable(qmp, "events");
  using ram = new GuestRam(vm.pid);
  await prepareExec(qmp, vm.successor);
  const fifo = lab.path("fifo");
  await new Deno.Command("mkfifo", { args: [fifo] }).output();
  using _listener = Deno.listen({ transport: "unix", path: lab.path("sock") });

  using watch = qmp.watch();
  const notFiles = [
    ...["exec:cat > /dev/null", "unix:/tmp/no-such", "tcp:127.0.0.1:1"],
    ...["vsock:2:1234", "rdma:host:1", `file:${fifo}`, "file:/dev/null"],
    ...["file:/dev/full", `file:${lab.path("sock")}`, "fd:0", "fd:name"],
  ];
  for (const uri of notFiles) {
    assertMatch(
      await refusal(qmp, "migrate", { uri }),
      /^Channel "\w+:.*" is not a file: it could not take all data before/,
      uri,
    );
  }
  const addr = { transport: "socket", type: "unix", path: "/tmp/no-such" };
  assertStringIncludes(
    await refusal(qmp, "migrate", {
      channels: [{ "channel-type": "main", addr }],
    }),
    "is not a file",
  );
  const unusable = [
    { uri: `file:${lab.folder}`, why: "EISDIR" },
    { uri: "file:/nonexistent/vm.state", why: "ENOENT" },
    { uri: "file:", why: "Unknown migration protocol" },
    { uri: "nonsense", why: "Unknown migration protocol" },
    { uri: "file:/tmp/x,offset=x", why: "bad offset" },
  ];
  for (const { uri, why } of unusable) {
    assertStringIncludes(await refusal(qmp, "migrate", { uri }), why);
  }
  assertEquals(await runState(qmp), "running");
  await ram.ticked(2);
  // What could not be opened is a migration that failed, as in QEMU.
  assertEquals(new Set(story(watch)), new Set(["setup", "failed"]));
  assertEquals(await ask(qmp, "query-migrate", "status"), "failed");
  await (await vm.update(qmp)).close();
});

const NOT_SHARED = [
  {
    ram: [
      ...["-machine", "virt,aux-ram-share=on"],
      ...["-object", "memory-backend-memfd,id=ram0,size=1M,share=off"],
    ],
    blocks: ["ram0"],
  },
  {
    ram: [
      ...["-machine", "virt,aux-ram-share=off"],
      ...["-object", "memory-backend-memfd,id=ram0,size=1M,share=on"],
    ],
    blocks: ["virt.aux"],
  },
  {
    ram: ["-object", "memory-backend-memfd,id=ram0,size=1M"],
    blocks: ["virt.aux"],
  },
  {
    ram: ["-machine", "virt,aux-ram-share=on", "-m", "1M"],
    blocks: ["virt.ram"],
  },
  { ram: ["-m", "1M"], blocks: ["virt.ram", "virt.aux"] },
];

Deno.test("RAM that cannot be preserved is named, and the VM never stops", async () => {
  await using lab = await Lab.open();
  const started = NOT_SHARED.map(({ ram, blocks }) => ({
    vm: lab.start({ ram }),
    blocks,
  }));
  for (const { vm, blocks } of started) {
    const qmp = await vm.connect();
    await enable(qmp, "events");
    assertEquals(await ask(qmp, "query-migrate", "blocked-reasons"), undefined);
    await prepareExec(qmp, vm.successor);
    using watch = qmp.watch();
    const words = await refusal(qmp, "migrate", {
      uri: `file:${vm.stateFile}`,
    });
    const named = [...words.matchAll(/RAMBlock "([^"]+)" cannot be preserved/g)]
      .map(([, name]) => name);
    assertEquals(named, blocks);
    assertStringIncludes(words, "share=on is required");
    const reasons = await ask(qmp, "query-migrate", "blocked-reasons");
    assertEquals(Array.isArray(reasons) && reasons.join("; "), words);
    assertEquals(await runState(qmp), "running");
    assertEquals(story(watch), []);
    // What needs no preserved RAM still goes.
    await qmp.execute("migrate-set-parameters", { mode: "normal" });
    assertEquals(await ask(qmp, "query-migrate", "blocked-reasons"), undefined);
    await qmp.close();
  }
});

Deno.test("a cpr channel is ignored with a warning, in both programs", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const qmp = await vm.connect();
  using ram = new GuestRam(vm.pid);
  const main = {
    "channel-type": "main",
    addr: { transport: "file", filename: vm.stateFile, offset: 0 },
  };
  const cpr = {
    "channel-type": "cpr",
    addr: { transport: "socket", type: "unix", path: lab.path("cpr.sock") },
  };
  const incoming = [cpr, main].flatMap((channel) => [
    ...["-incoming", JSON.stringify(channel)],
  ]);
  await qmp.execute("migrate-set-parameters", { mode: "cpr-exec" });
  // Who is refused need not hear of it.
  await refusal(qmp, "migrate", { channels: [main, cpr] });
  await prepareExec(qmp, [...vm.argv, ...incoming]);
  await qmp.execute("migrate", { channels: [main, cpr] });
  await qmp.closed;
  assertEquals(await runState(await vm.connect()), "running");
  await ram.ticked(2);
  const warning = "cprctl machine: warning: ignoring cpr channel for " +
    "migration mode cpr-exec\n";
  assertEquals(vm.stderr.text, warning + warning);
});

Deno.test("channels must be one main channel", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const qmp = await vm.connect();
  const addr = { transport: "file", filename: vm.stateFile, offset: 0 };
  const main = { "channel-type": "main", addr };
  const cpr = { "channel-type": "cpr", addr };
  for (const channels of [[cpr], [main, main], [cpr, cpr]]) {
    assertStringIncludes(
      await refusal(qmp, "migrate", { channels }),
      "exactly one 'main'",
    );
  }
  for (
    const args of [{}, { channels: [] }, { uri: "file:x", channels: [main] }]
  ) {
    assertEquals(
      await refusal(qmp, "migrate", args),
      "Need either 'uri' or 'channels' argument",
    );
  }
  for (
    const wrong of [
      { ...addr, offset: -1 },
      { ...addr, filename: 1 },
      { transport: "file", filename: vm.stateFile },
      { transport: "carrier-pigeon" },
    ]
  ) {
    await refusal(qmp, "migrate", {
      channels: [{ "channel-type": "main", addr: wrong }],
    });
  }
  assertEquals(await runState(qmp), "running");
});
