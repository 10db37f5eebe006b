/**
 * A new program whose VM is another one than the old program's: QEMU loads the
 * state into most of these without a word.
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { updateHere } from "../../testing/update/cprctl.ts";
import {
  accelerators,
  type Machine,
  PLAIN,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 60_000;

/** A VM with a data disk in a folder. */
const machineIn = (folder: string): Machine => ({
  ...PLAIN,
  cpus: 2,
  extra: [
    ...["-cpu", "qemu64", "-rtc", "base=utc"],
    ...["-netdev", "user,id=net"],
    ...["-device", "virtio-net-pci,id=nic,netdev=net,mac=52:54:00:11:22:33"],
    ...["-drive", `if=none,id=data,format=raw,file=${folder}/data.img`],
    ...["-device", "virtio-blk-pci,id=vd1,drive=data,serial=one"],
    ...["-chardev", "null,id=console", "-device", "isa-serial,chardev=console"],
  ],
});

/** What a wrapper puts for a part of a word, or at the end. */
interface Rewrite {
  readonly from?: string;
  readonly to: string;
  /** In the message of the error. */
  readonly named: string;
}

/** Writes into the memory that the program inherits. */
const CHANGES_FIRMWARE = `for fd in /proc/$$/fd/*; do
  case "$(readlink "$fd")" in
    */pc.bios*|*:pc.bios*) printf X | dd of="$fd" seek=256 bs=1 conv=notrunc ;;
  esac
done 2>/dev/null`;

const REWRITES: Readonly<Record<string, Rewrite>> = {
  "another vCPU model": {
    from: "qemu64",
    to: "max",
    named: 'vCPU "0": "type" was "qemu64-x86_64-cpu", is "max-x86_64-cpu"',
  },
  "another feature of the vCPUs": {
    from: "qemu64",
    // Taken away: what is added, KVM leaves out where the host has it not.
    to: "qemu64,-mmx",
    named: 'vCPU "0": "mmx" was true, is false',
  },
  "another topology of the vCPUs": {
    from: "2",
    to: "2,sockets=2,cores=1",
    named: '"smp.sockets" was 1, is 2',
  },
  "another MAC address": {
    from: "mac=52:54:00:11:22:33",
    to: "mac=52:54:00:11:22:34",
    named: 'Device "nic/virtio-net-device": "mac" was "52:54:00:11:22:33"',
  },
  "another user network": {
    from: "user,id=net",
    to: "user,id=net,net=10.0.3.0/24",
    named: 'Network back end "net": "net" was "10.0.2.0", is "10.0.3.0"',
  },
  "another disk image": {
    from: "/data.img",
    to: "/other.img",
    named: 'Drive "data": "file" was ',
  },
  "a disk image of another size": {
    from: "/data.img",
    to: "/larger.img",
    named: 'Drive "data": "virtual-size" was 1048576, is 2097152',
  },
  "a disk whose writes are dropped": {
    from: "id=data,",
    to: "id=data,snapshot=on,",
    named: 'Block node "data": "drv" was "raw", is "qcow2"',
  },
  "a disk with a limit": {
    from: "id=data,",
    to: "id=data,throttling.bps-total=1000000,",
    named: 'Drive "data": "bps" was 0, is 1000000',
  },
  "another serial number": {
    from: "serial=one",
    to: "serial=two",
    named: 'Device "vd1/virtio-blk-device": "serial" was "one", is "two"',
  },
  "another device": {
    to: "-device virtio-rng-pci,id=more",
    named: 'Device "more" is new',
  },
  "another device without PCI": {
    to: "-device isa-debug-exit",
    named: '/isa-debug-exit" is new',
  },
  "another character device behind a serial port": {
    from: "null,id=console",
    to: "ringbuf,id=console",
    named: 'Character device "console": "type" was "child<chardev-null>"',
  },
  "another firmware": {
    to: "-bios FOLDER/bios.bin",
    named: 'Machine: "firmware" was "bios-256k.bin", is ',
  },
  "another clock": {
    from: "base=utc",
    to: "base=utc,driftfix=slew",
    named: '"lost_tick_policy" was "discard", is "slew"',
  },
  "other contents of the firmware": {
    to: CHANGES_FIRMWARE,
    named: 'Firmware "pc.bios": "sha256" was ',
  },
  "memory beside guest RAM that is not shared": {
    from: "aux-ram-share=on",
    to: "aux-ram-share=off",
    named: 'Machine: "aux-ram-share" was true, is false',
  },
};

/** A program for sh that executes the new build with other words. */
function wrapper({ from, to }: Rewrite, folder: string): string {
  if (to === CHANGES_FIRMWARE) {
    return `#!/bin/sh\n${to}\nexec ${builds.new.binary} "$@"\n`;
  }
  const added = to.replace("FOLDER", folder);
  const script = from === undefined
    ? `exec ${builds.new.binary} "$@" ${added}`
    : `for word do
  shift
  set -- "$@" "$(printf %s "$word" | sed 's|${wordPattern(from)}|${to}|')"
done
exec ${builds.new.binary} "$@"`;
  return `#!/bin/sh\n${script}\n`;
}

/** A number is a whole word. */
function wordPattern(from: string): string {
  return /^\d+$/.test(from) ? `^${from}$` : from;
}

/** Puts the wrapper where the new build is a link. */
async function replace(path: string, script: string): Promise<void> {
  const draft = `${path}.draft`;
  await Deno.writeTextFile(draft, script);
  await Deno.chmod(draft, 0o755);
  await Deno.rename(draft, path);
}

async function makeFiles(folder: string): Promise<void> {
  const sizes = { data: 1, other: 1, larger: 2 };
  for (const [name, megabytes] of Object.entries(sizes)) {
    const path = `${folder}/${name}.img`;
    await Deno.writeFile(path, new Uint8Array(megabytes << 20));
  }
  const firmware = builds.new.binary
    .replace(/bin\/[^/]*$/, "share/seabios/bios-256k.bin");
  await Deno.copyFile(firmware, `${folder}/bios.bin`);
}

const all = await accelerators(builds.old);
for (const [at, accelerator] of all.entries()) {
  Deno.test(`a VM is rolled back from one with … (${accelerator})`, async (t) => {
    await using _base = await Base.make();
    const folder = await Deno.makeTempDir({ prefix: "cprctl-another-" });
    try {
      await makeFiles(folder);
      await using vm = await VirtualMachine.boot(
        builds.old,
        machineIn(folder),
        accelerator,
      );
      const witness = await Witness.of(vm);
      const binary = `${folder}/qemu-new`;
      // Half of them on each accelerator, if there are two.
      const own = Object.entries(REWRITES)
        .filter((_, index) => index % all.length === at);
      for (const [what, rewrite] of own) {
        await t.step(what, async () => {
          await Deno.remove(binary).catch(() => {});
          await Deno.symlink(builds.new.binary, binary);
          const order = { qmp: vm.files.qmp, binary, timeoutMs: TIMEOUT_MS };
          const { report, said } = await updateHere(order, async (phase) => {
            if (phase !== "switchover") return;
            await replace(binary, wrapper(rewrite, folder));
          });
          vm.follow(report?.pid_after ?? 0);
          assertEquals(report?.outcome, "rolled-back", said);
          assertEquals(report?.phases.at(-2)?.name, "verify", said);
          assertStringIncludes(said, rewrite.named);
          assertEquals(
            report?.differences[0]?.verdict,
            "seen-by-guest",
            said,
          );
          await witness.assertLivesOn();
        });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
