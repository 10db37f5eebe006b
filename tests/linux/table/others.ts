/** A guest that changes its network card, its slots, its clock or its memory. */

import { assertEquals, assertMatch } from "@std/assert";
import type { JsonObject } from "../../../lib/qmp/mod.ts";
import type { Action } from "../harness/action.ts";
import type { LinuxMachine } from "../harness/linux_machine.ts";
import { answers } from "./power.ts";

const SLOT = "ls -d /sys/bus/pci/slots/*/ | tail -n 1";
const NET = "rmmod virtio_net";
const AGAIN = "insmod /modules/virtio_net.ko && " +
  "ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up";

async function networks(vm: LinuxMachine): Promise<void> {
  await using connection = await vm.echo();
  await connection.roundTrip();
}

/** In the order in which people read them. */
export const OTHERS: readonly Action[] = [
  {
    name: "takes its network driver out",
    act: ({ agent }) => agent.run(NET),
    outcomes: ["updated"],
    runState: "running",
    after: async (vm) => {
      await vm.agent.run(AGAIN);
      await networks(vm);
    },
  },
  {
    name: "loads its network driver anew",
    short: "prepare",
    act: ({ agent }) => agent.run(`${NET} && ${AGAIN}`),
    outcomes: ["updated"],
    runState: "running",
    after: networks,
  },
  {
    name: "changes its MAC address",
    act: ({ agent }) =>
      agent.run(
        "ip link set eth0 down && ip link set eth0 address 52:54:00:77:77:77 " +
          "&& ip link set eth0 up",
      ),
    outcomes: ["updated"],
    runState: "running",
    after: async (vm) => {
      const [filter] = await vm.command("query-rx-filter", {
        name: "eth0",
      }) as JsonObject[];
      assertEquals(filter?.["main-mac"], "52:54:00:77:77:77");
      await networks(vm);
    },
  },
  {
    name: "powers a slot off",
    short: "migrate",
    machine: {
      extra: [
        ...["-device", "pcie-root-port,id=root0,slot=7"],
        ...["-device", "virtio-rng-pci,id=pluggable,bus=root0"],
      ],
    },
    act: (vm) =>
      vm.eventOf(
        "DEVICE_DELETED",
        () => vm.agent.run(`echo 0 >"$(${SLOT})power"`),
      ),
    // Found when the guest is stopped, the update starts over without it.
    outcomes: ["updated", "refused", "rolled-back"],
    says: /pluggable/,
    runState: "running",
    after: answers,
  },
  {
    name: "sets its clock to another year",
    act: ({ agent }) => agent.run("date -s 2031-01-01 && hwclock -w -u"),
    outcomes: ["updated"],
    runState: "running",
    after: async ({ agent }) => {
      assertMatch(await agent.run("date +%Y"), /^2031/);
      assertMatch(await agent.run("hwclock -r -u"), /2031/);
    },
  },
  {
    name: "gives memory back to its balloon",
    act: (vm) => vm.secondCommand("balloon", { value: 200 << 20 }),
    outcomes: ["updated"],
    runState: "running",
    after: async (vm) => {
      await vm.command("balloon", { value: 200 << 20 });
      const target = async () =>
        (await vm.command("query-balloon") as JsonObject)["actual"];
      for (
        let tries = 0;
        tries < 600 && await target() !== 200 << 20;
        tries++
      ) {
        await vm.agent.run("usleep 100000");
      }
      assertEquals(await target(), 200 << 20);
      await answers(vm);
    },
  },
  {
    name: "arms a watchdog",
    act: ({ agent }) => agent.run("watchdog -t 5 -T 600 /dev/watchdog"),
    outcomes: ["updated"],
    runState: "running",
    after: answers,
  },
];
