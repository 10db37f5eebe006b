/**
 * The embedded machine's side of a cpr channel, between two real QEMUs: it
 * takes CPR state from the old one, and hands it to the new one.
 */

import { assert, assertEquals } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { fileStatus } from "../../ffi/file_status.ts";
import { QmpClient } from "../../lib/qmp/mod.ts";
import { CprIncoming } from "../../lib/machine/cpr_incoming.ts";
import { CprChannel } from "../../lib/migration/mod.ts";
import { channelAt } from "../../lib/update/command/transfer_command.ts";
import { listening } from "../../testing/program/listening.ts";
import { MARK } from "../../testing/program/reaper.ts";
import { inTime, until } from "../../testing/program/until.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  accelerators,
  argumentsOf,
  PLAIN,
  runStateOf,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();
const [FIRST = "tcg"] = await accelerators(builds.old);
const TIMEOUT_MS = 30_000;

Deno.test("CPR state comes from a real QEMU, and goes to another", async () => {
  await using vm = await VirtualMachine.boot(builds.old, PLAIN, FIRST);
  const paths = {
    cpr: `${vm.folder}/cpr.sock`,
    main: `${vm.folder}/main.sock`,
    ours: `${vm.folder}/ours.sock`,
    qmp: `${vm.folder}/new.qmp`,
  };
  const inode = (() => {
    using ram = vm.ram();
    return ram.inode;
  })();
  const files = { ...vm.files, qmp: paths.qmp, pidfile: `${vm.folder}/new` };
  const log = await Deno.open(`${vm.folder}/new.log`, {
    write: true,
    create: true,
  });
  const incoming = [channelAt("cpr", paths.cpr), channelAt("main", paths.main)];
  const fresh = new Deno.Command(builds.new.binary, {
    args: [
      ...argumentsOf(PLAIN, FIRST, files),
      ...incoming.flatMap((it) => ["-incoming", JSON.stringify(it)]),
    ],
    cwd: vm.folder,
    env: { [MARK]: vm.folder },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const said = fresh.stderr.pipeTo(log.writable);

  const received = CprIncoming.receive(paths.ours);
  await listening(paths.ours, TIMEOUT_MS);
  const qmp = await vm.monitor();
  await qmp.execute("migrate-set-parameters", { mode: "cpr-transfer" });
  await qmp.execute("migrate", {
    channels: [channelAt("main", paths.main), channelAt("cpr", paths.ours)],
  });
  using state = await inTime("CPR state comes", TIMEOUT_MS, received);
  using held = new DisposableStack();
  for (const { descriptor } of state.registry.walk()) {
    held.use(Fd.adopt(descriptor));
  }
  const names = [...state.registry.walk()].map(({ name }) => name);
  for (const name of ["ram0", "pc.bios"]) assert(names.includes(name), name);
  const number = state.registry.find("ram0", 0) ?? -1;
  assertEquals(Number(fileStatus(number).ino), inode);

  await listening(paths.cpr, TIMEOUT_MS);
  using handed = await CprChannel.handOver(paths.cpr, state.registry);
  // Until we hang up as well, the guest runs on the old one.
  await inTime("the new QEMU hangs up", TIMEOUT_MS, handed.hungUp());
  assertEquals(await runStateOf(qmp), "running");
  state.hangUp();
  const there = await QmpClient.connectAgain({ path: paths.qmp }, {
    timeoutMs: TIMEOUT_MS,
  });
  await until(
    "the guest runs there",
    TIMEOUT_MS,
    async () => await runStateOf(there) === "running",
  );
  assertEquals(await runStateOf(qmp), "postmigrate");
  await qmp.execute("quit");
  vm.follow(fresh.pid);
  using ram = vm.ram();
  await ram.counterMoves(TIMEOUT_MS);
  await there.execute("quit");
  await fresh.status;
  await said;
});
