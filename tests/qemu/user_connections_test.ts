/** Connections through user networking end when the VM leaves their program. */

import { assertEquals } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { orderOf, updateHere } from "../../testing/update/cprctl.ts";
import {
  inTime,
  PLAIN,
  until,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";
import { kill } from "../../testing/update/members.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;
const FORWARD = /HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)/;
/** QEMU accepts it, and waits for a guest that has no network. */
const CONNECTION = /TCP\[(?!HOST_FORWARD)\w+\]/;

async function listed(vm: VirtualMachine): Promise<string> {
  return String(
    await vm.command("human-monitor-command", {
      "command-line": "info usernet",
    }),
  );
}

/** Returns when the peer has ended the connection, one way or another. */
async function ended(connection: Deno.TcpConn): Promise<void> {
  try {
    assertEquals(await connection.read(new Uint8Array(1)), null);
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
}

for (const outcome of ["updated", "rolled-back"] as const) {
  Deno.test(`a connection through user networking ends when the VM is ${outcome}`, async () => {
    await using _base = await Base.make();
    await using vm = await VirtualMachine.boot(
      builds.old,
      {
        ...PLAIN,
        extra: [
          ...["-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:0-:22"],
          ...["-device", "virtio-net-pci,netdev=net"],
        ],
      },
      "tcg",
    );
    const [, port] = FORWARD.exec(await listed(vm)) ?? [];
    using connection = await Deno.connect({ port: Number(port) });
    await until(
      "QEMU has accepted it",
      TIMEOUT_MS,
      async () => CONNECTION.test(await listed(vm)),
    );
    const over = ended(connection);
    const order = orderOf(vm, builds.new);
    const { report, said } = await updateHere(order, async (phase) => {
      if (outcome === "updated" || phase !== "load") return;
      await kill(vm.pid);
    });
    assertEquals(report?.outcome, outcome, said);
    await inTime("the connection ends", TIMEOUT_MS, over);
  });
}
