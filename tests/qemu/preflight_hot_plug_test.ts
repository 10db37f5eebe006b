import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  type Machine,
  PLAIN,
  until,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";
import {
  assertCarries,
  assertNothingElse,
  assertRefuses,
  assertWarns,
  preflightOf,
} from "./preflight_of.ts";

const builds = await qemuBuilds();
const PATIENCE_MS = 20_000;

function start(
  extra: readonly string[],
  more: Partial<Machine> = {},
): Promise<VirtualMachine> {
  return VirtualMachine.start(builds.old, { ...PLAIN, ...more, extra }, "tcg");
}

const check = (vm: VirtualMachine) => preflightOf(vm, builds.new.binary);

Deno.test("devices that were plugged in are carried over, or refused by name", async () => {
  await using vm = await start([
    ...["-device", "pcie-root-port,id=root", "-device", "qemu-xhci,id=usb"],
  ]);
  await vm.command("device_add", {
    driver: "virtio-rng-pci",
    id: "late",
    bus: "root",
  });
  const carried = await check(vm);
  assertCarries(carried, "1 by arguments");
  assertNothingElse(carried);
  await vm.command("device_add", { driver: "usb-kbd" });
  const checks = await check(vm);
  assertRefuses(checks, "devices", "(usb-kbd)", "which USB port");
  assertNothingElse(checks, "devices");
});

Deno.test("devices that were unplugged are carried over, or refused by name", async () => {
  await using vm = await start([
    ...["-device", "qemu-xhci,id=usb"],
    ...[
      "-device",
      "usb-tablet,bus=usb.0,id=tablet",
      "-device",
      "usb-kbd,bus=usb.0",
    ],
  ]);
  await vm.command("device_del", { id: "tablet" });
  await until("the tablet is gone", PATIENCE_MS, async () => {
    const checks = await check(vm);
    return checks.get("carried-over")?.detail.includes("arguments") === true;
  });
  assertNothingElse(await check(vm));
  await vm.command("device_del", { id: "/machine/peripheral-anon/device[0]" });
  await until("the keyboard is gone", PATIENCE_MS, async () => {
    const { detail = "" } = (await check(vm)).get("devices") ?? {};
    return detail.includes("1 without an id");
  });
});

Deno.test("a vCPU that was plugged in is carried over", async () => {
  await using vm = await start(["-smp", "1,maxcpus=2"]);
  assertNothingElse(await check(vm));
  await vm.command("device_add", {
    driver: "qemu64-x86_64-cpu",
    id: "cpu1",
    "socket-id": 0,
    "core-id": 1,
    "thread-id": 0,
  });
  const checks = await check(vm);
  assertCarries(checks, "1 by arguments");
  assertNothingElse(checks);
});

for (
  const smp of [
    "sockets=2,maxcpus=2",
    "cores=2,maxcpus=2",
    "2,sockets=2",
    "1,maxcpus=4",
  ]
) {
  Deno.test(`vCPUs of -smp ${smp} pass`, async () => {
    await using vm = await start(["-smp", smp]);
    assertNothingElse(await check(vm));
  });
}

Deno.test("memory that was plugged in is refused where it is not shared", async () => {
  await using vm = await start([
    ...["-m", "64M,slots=2,maxmem=1G"],
    ...["-object", "memory-backend-memfd,id=first,size=128M,share=on"],
    ...["-device", "pc-dimm,id=dimm1,memdev=first"],
  ]);
  assertNothingElse(await check(vm));
  await vm.command("object-add", {
    "qom-type": "memory-backend-ram",
    id: "late",
    size: 128 << 20,
  });
  await vm.command("device_add", {
    driver: "pc-dimm",
    id: "dimm2",
    memdev: "late",
  });
  const checks = await check(vm);
  assertRefuses(checks, "memory-backends", `"late"`);
  assertNothingElse(checks, "memory-backends");
});

Deno.test("memory with a pending resize is refused", async () => {
  await using vm = await start([
    ...["-m", "64M,slots=2,maxmem=1G"],
    ...["-object", "memory-backend-memfd,id=pool,size=128M,share=on"],
    ...["-device", "virtio-mem-pci,id=vmem,memdev=pool,requested-size=0"],
  ]);
  await vm.command("qom-set", {
    path: "/machine/peripheral/vmem",
    property: "requested-size",
    value: 64 << 20,
  });
  assertRefuses(await check(vm), "memory-devices", `"vmem"`, `${64 << 20}`);
});

Deno.test("objects that were created are carried over, and secrets refused by name", async () => {
  await using vm = await start([
    ...["-object", "iothread,id=io1"],
    ...[
      "-object",
      JSON.stringify({ "qom-type": "iothread", id: "io2", "poll-max-ns": 100 }),
    ],
    ...["-object", "secret,id=key,data=abc"],
  ]);
  assertNothingElse(await check(vm));
  await vm.command("object-add", { "qom-type": "iothread", id: "io3" });
  await vm.command("object-add", { "qom-type": "throttle-group", id: "tg" });
  await vm.command("object-add", {
    "qom-type": "secret",
    id: "late",
    data: "x",
  });
  for (const [id, value] of [["io1", 0], ["io2", 7]] as const) {
    await vm.command("qom-set", {
      path: `/objects/${id}`,
      property: "poll-max-ns",
      value,
    });
  }
  const checks = await check(vm);
  assertRefuses(checks, "objects", `"late" (secret)`, "anyone could read");
  assertCarries(checks, "4 by arguments");
  assertNothingElse(checks, "objects");
});

Deno.test("network back ends of every form pass, and replaced ones are refused", async () => {
  await using vm = await start([
    ...[
      "-netdev",
      "user,id=n1,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=udp:127.0.0.1:0-:53",
    ],
    ...[
      "-netdev",
      JSON.stringify({
        type: "user",
        id: "n2",
        hostfwd: [{ str: "tcp:127.0.0.1:0-:80" }],
      }),
    ],
    ...[
      "-device",
      "virtio-net-pci,netdev=n1",
      "-device",
      "e1000,netdev=n2,id=nic2",
    ],
    ...["-nic", "user,model=e1000", "-net", "nic", "-net", "user,id=old"],
    ...["-netdev", "hubport,id=hub,hubid=0", "-nic", "user,id=named"],
    ...["-netdev", "user,id=spare", "-netdev", "user,id=n3,net=10.9.8.7/22"],
    ...["-object", "filter-buffer,id=filter,netdev=n1,interval=1000"],
  ]);
  assertNothingElse(await check(vm));
  await vm.command("netdev_add", { type: "user", id: "late" });
  await vm.command("netdev_del", { id: "spare" });
  await vm.command("netdev_del", { id: "n3" });
  await vm.command("netdev_add", { type: "user", id: "n3" });
  await vm.command("human-monitor-command", {
    "command-line": "hostfwd_add n1 tcp:127.0.0.1:0-:23",
  });
  const checks = await check(vm);
  assertRefuses(
    checks,
    "netdevs",
    ...[`"late" was created at run time`, `"n3" was created at run time`],
  );
  assertWarns(checks, "host-forwards", "4", "3");
  assertNothingElse(checks, "netdevs", "host-forwards");
});

Deno.test("character devices of every form pass, and changed ones are refused", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using vm = await start([
      ...["-chardev", `socket,id=c1,path=${folder}/c1,server=on,wait=off`],
      ...[
        "-chardev",
        "ringbuf,id=c2",
        "-chardev",
        "pty,id=c3",
        "-chardev",
        `file,id=c4,path=${folder}/log`,
      ],
      ...["-chardev", "null,id=c6"],
      ...["-chardev", "null,id=c5,mux=on", "-mon", "chardev=c5,mode=readline"],
      ...[
        "-serial",
        "mon:null",
        "-serial",
        "chardev:c2",
        "-parallel",
        "null",
        "-monitor",
        "null",
      ],
      ...["-debugcon", "null", "-gdb", `unix:${folder}/gdb,server=on,wait=off`],
      ...["-vnc", `unix:${folder}/vnc`],
    ]);
    const before = await check(vm);
    assertWarns(before, "new-command", "ringbuf,id=c2");
    assertNothingElse(before, "new-command");
    await vm.command("chardev-add", {
      id: "late",
      backend: { type: "null", data: {} },
    });
    await vm.command("chardev-remove", { id: "c6" });
    await vm.command("chardev-change", {
      id: "c1",
      backend: {
        type: "socket",
        data: {
          addr: { type: "unix", data: { path: `${folder}/other` } },
          server: true,
          wait: false,
        },
      },
    });
    const checks = await check(vm);
    assertRefuses(
      checks,
      "chardevs",
      `"c1"`,
      "/other",
      "/c1",
    );
    assertNothingElse(checks, "new-command", "chardevs");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a VNC server that moved is reported", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using vm = await start(["-vnc", `unix:${folder}/vnc`]);
    await vm.command("display-update", {
      type: "vnc",
      addresses: [{ type: "unix", path: `${folder}/moved` }],
    });
    const checks = await check(vm);
    assertWarns(checks, "displays", "/moved");
    assertNothingElse(checks, "displays");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
