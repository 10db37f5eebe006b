import { assertEquals } from "@std/assert";
import { CommandLine } from "../../../lib/update/command/command_line.ts";
import {
  cpuUses,
  netdevUses,
  propertyUses,
} from "../../../lib/update/preflight/trials.ts";

const LINE = CommandLine.parse("QEMU", [
  "qemu-system-x86_64",
  ...["-machine", "pc-q35-11.1,accel=kvm,vmport=off"],
  ...["-accel", "kvm,dirty-ring-size=1024"],
  ...["-cpu", "host,+x2apic,-svm,migratable=on"],
  ...["-netdev", "user,id=net,ipv6=off"],
  ...["-device", "virtio-net-pci,id=n,netdev=net,bus=pcie.0,addr=4"],
  ...["-device", '{"driver": "nvme", "id": "d", "serial": "s"}'],
]);

Deno.test("a command line sets properties of devices, accelerators and the machine", () => {
  assertEquals(propertyUses(LINE, "pc-q35-11.1"), [
    {
      name: '-device "virtio-net-pci"',
      type: "virtio-net-pci",
      keys: ["netdev", "addr"],
    },
    { name: '-device "nvme"', type: "nvme", keys: ["serial"] },
    { name: '-accel "kvm"', type: "kvm-accel", keys: ["dirty-ring-size"] },
    {
      name: "-machine",
      type: "pc-q35-11.1-machine",
      keys: ["accel", "vmport"],
    },
  ]);
});

Deno.test("a vCPU's features are properties, wanted or not", () => {
  assertEquals(cpuUses(LINE, "host-x86_64-cpu"), [{
    name: '-cpu "host"',
    type: "host-x86_64-cpu",
    keys: ["x2apic", "svm", "migratable"],
  }]);
  assertEquals(cpuUses(LINE, undefined), []);
});

Deno.test("a network backend has options of its kind", () => {
  assertEquals(netdevUses(LINE), [
    { name: '-netdev "user"', type: "user", keys: ["ipv6"] },
  ]);
});
