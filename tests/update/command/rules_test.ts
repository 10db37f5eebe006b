import { assertEquals } from "@std/assert";
import { QEMU_OPTIONS } from "../../../lib/cmdline/mod.ts";
import { newCommand } from "../../../lib/update/command/new_command.ts";
import { shellWords } from "../../../lib/update/command/draft.ts";
import { after, factsOf, MACHINE, NOTHING_LIVE, WAITING } from "./vm.ts";

const OPTIONS = new Map([
  ...QEMU_OPTIONS,
  ...["id", "loadstate", "state-of"].map((name) =>
    [name, { takesValue: true }] as const
  ),
]);
const PATCHED = ["-id", "100", "-usb", "-loadstate", "/state"];

Deno.test("options of the last start are removed", () => {
  const stale = ["-S", "-incoming", "file:/x", "--incoming", "defer"];
  assertEquals(after(["-usb", ...stale, "-m", "1G"]), ["-usb", "-m", "1G"]);
  assertEquals(after(["-loadvm", "snap"]), []);
  assertEquals(after(PATCHED, NOTHING_LIVE, { options: OPTIONS }), [
    ...["-id", "100", "-usb"],
  ]);
});

Deno.test("options that only a patched QEMU knows are kept, with a warning", () => {
  const facts = factsOf(["-id", "100", "-state-of", "/x"], {
    options: OPTIONS,
  });
  const { argv, problems } = newCommand(facts, NOTHING_LIVE);
  assertEquals(argv.slice(1, 5), ["-id", "100", "-state-of", "/x"]);
  assertEquals(problems.map(({ verdict, detail }) => [verdict, detail]), [
    [
      "warn",
      'The new program is given "-state-of /x" again, which is not an option ' +
      "of upstream QEMU",
    ],
  ]);
});

Deno.test("a daemon does not fork again, and keeps its pid file", () => {
  assertEquals(after(["-daemonize", "-pidfile", "/run/p"]), [
    "-pidfile",
    "/run/p",
  ]);
});

Deno.test("a process keeps its user and its root", () => {
  assertEquals(after(["-run-with", "user=nobody"]), []);
  assertEquals(after(["-run-with", "chroot=/a,,b,user=1:2"]), []);
  assertEquals(
    after(["--run-with", "async-teardown=on,user=nobody,chroot=/x"]),
    ["--run-with", "async-teardown=on"],
  );
  const kept = ["-run-with", "exit-with-parent=on"];
  assertEquals(after(kept), kept);
});

const machineTypes: readonly [string[], string[]][] = [
  [["-machine", "q35"], ["-machine", MACHINE]],
  [["-M", "q35,accel=kvm"], ["-M", `${MACHINE},accel=kvm`]],
  [["-machine", "accel=kvm,type=q35"], [
    "-machine",
    `accel=kvm,type=${MACHINE}`,
  ]],
  [["-M", "q35", "-machine", "accel=tcg"], [
    ...["-M", MACHINE, "-machine", "accel=tcg"],
  ]],
  [["-machine", "hpet=off,type=q35+pve0"], [
    "-machine",
    `hpet=off,type=${MACHINE}+pve0`,
  ]],
  [["-machine", `${MACHINE}+pve0`], ["-machine", `${MACHINE}+pve0`]],
  [["-M", "pc", "-M", "q35"], ["-M", "pc", "-M", MACHINE]],
  [["-machine", "accel=tcg"], ["-machine", "accel=tcg", "-machine", MACHINE]],
  [[], ["-machine", MACHINE]],
  [["-machine", `${MACHINE},x=y`], ["-machine", `${MACHINE},x=y`]],
];

for (const [from, to] of machineTypes) {
  Deno.test(`the machine type is exact after "${from.join(" ")}"`, () => {
    const { argv } = newCommand(factsOf(from), NOTHING_LIVE);
    assertEquals(argv.slice(1, -WAITING.length), to);
  });
}

Deno.test("an unknown machine type is left unchanged", () => {
  const facts = factsOf(["-M", "q35"], { machine: undefined });
  assertEquals(newCommand(facts, NOTHING_LIVE).argv.slice(1, 3), ["-M", "q35"]);
});

const emptied: readonly (readonly string[])[] = [
  ["-D", "/my log"],
  ["-trace", "enable=x,file=/trace"],
  ["-audiodev", "wav,id=a,path=/a.wav"],
  ["-object", "filter-dump,id=f,netdev=n,file=/dump"],
  ["-chardev", "ringbuf,id=r"],
];
for (const words of emptied) {
  Deno.test(`that "${words.join(" ")}" starts empty is reported`, () => {
    const { problems } = newCommand(factsOf(words), NOTHING_LIVE);
    assertEquals(problems.map(({ verdict, detail }) => [verdict, detail]), [
      [
        "warn",
        `What "${shellWords(words)}" has written will be lost: it is empty ` +
        "when the new program starts",
      ],
    ]);
  });
}

Deno.test("a file that is not emptied is not reported", () => {
  const words = ["-trace", "enable=x", "-audiodev", "none,id=a"];
  assertEquals(newCommand(factsOf(words), NOTHING_LIVE).problems, []);
});

const ID = "324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87";

/** What becomes of a device of a VM whose guest knows the id. */
function deviceAfter(device: string, generationId: string | undefined): string {
  const words = ["-machine", "pc-q35-11.1", "-device", device];
  const { argv } = newCommand(factsOf(words, { generationId }), NOTHING_LIVE);
  return argv.slice(1, -WAITING.length).at(-1) ?? "";
}

Deno.test("a generation id that QEMU chose is kept", () => {
  assertEquals(
    deviceAfter("vmgenid,guid=auto,id=g", ID),
    `vmgenid,guid=${ID},id=g`,
  );
  assertEquals(
    deviceAfter('{"driver":"vmgenid","guid":"auto"}', ID),
    `{"driver":"vmgenid","guid":"${ID}"}`,
  );
});

Deno.test("a generation id that is given, or unknown, is unchanged", () => {
  for (const device of [`vmgenid,guid=${ID}`, "vmgenid", "virtio-rng-pci"]) {
    assertEquals(deviceAfter(device, ID), device);
  }
  assertEquals(
    deviceAfter("vmgenid,guid=auto", undefined),
    "vmgenid,guid=auto",
  );
});

const MEMFD = "memory-backend-memfd,id=ram0,size=1G";
const FILE = "memory-backend-file,id=ram0,size=1G";
const huge = { ...NOTHING_LIVE, hugePageMounts: ["/dev/hugepages"] };

const allocations: readonly [string, string][] = [
  [`${MEMFD},prealloc=on,share=on`, `${MEMFD},share=on`],
  [`${MEMFD},hugetlb=off,prealloc=yes`, `${MEMFD},hugetlb=off`],
  [
    '{"qom-type":"memory-backend-memfd", "prealloc":true, "size":1}',
    '{"qom-type":"memory-backend-memfd", "size":1}',
  ],
  [`${FILE},mem-path=/dev/shm/a,prealloc=on`, `${FILE},mem-path=/dev/shm/a`],
  [
    `${FILE},mem-path=/dev/hugepages2/a,prealloc=on`,
    `${FILE},mem-path=/dev/hugepages2/a`,
  ],
];
for (const [from, to] of allocations) {
  Deno.test(`pages are not preallocated again: "${from}"`, () => {
    assertEquals(after(["-object", from], huge), ["-object", to]);
  });
}

const freeAllocations: readonly (readonly string[])[] = [
  ["-object", `${MEMFD},hugetlb=on,prealloc=on`, "-mem-prealloc"],
  ["-object", `${FILE},mem-path=/dev/hugepages/a,prealloc=on`],
  ["-mem-path", "/dev/hugepages", "-mem-prealloc"],
  ["-object", `${MEMFD},prealloc=off`],
  ["-object", "rng-random,id=prealloc"],
];
for (const words of freeAllocations) {
  Deno.test(`options without cost are kept: "${words.join(" ")}"`, () => {
    assertEquals(after(words, huge), words);
  });
}

Deno.test("-mem-prealloc is removed if no page is huge", () => {
  assertEquals(after(["-mem-prealloc", "-object", MEMFD], huge), [
    "-object",
    MEMFD,
  ]);
});

const cases: readonly [string[], string[]][] = [
  // Files are kept.
  [["-chardev", "file,id=a,path=x"], [
    "-chardev",
    "file,id=a,path=x,append=on",
  ]],
  [["-chardev", "file,id=a,append=off,path=x"], [
    "-chardev",
    "file,id=a,append=on,path=x",
  ]],
  [["-chardev", "pty,id=a,logfile=x,,y"], [
    "-chardev",
    "pty,id=a,logfile=x,,y,logappend=on",
  ]],
  [["-serial", "file:a,b=c d"], [
    ...["-chardev", "file,id=serial0,path=a,,b=c d,append=on"],
    ...["-serial", "chardev:serial0"],
  ]],
  [["-serial", "none", "-usb", "--serial", "file:b", "-serial", "file:c"], [
    ...["-serial", "none", "-usb"],
    ...["-chardev", "file,id=serial1,path=b,append=on"],
    ...["--serial", "chardev:serial1"],
    ...["-chardev", "file,id=serial2,path=c,append=on"],
    ...["-serial", "chardev:serial2"],
  ]],
  [
    ["-parallel", "none", "-parallel", "file:p", "-debugcon", "file:d"],
    [
      ...["-chardev", "file,id=parallel0,path=p,append=on"],
      ...["-parallel", "chardev:parallel0"],
      ...["-chardev", "file,id=debugcon,path=d,append=on"],
      ...["-debugcon", "chardev:debugcon"],
    ].toSpliced(0, 0, "-parallel", "none"),
  ],
  [["-monitor", "file:a", "-qmp", "unix:q,server=on,wait=off"], [
    ...["-chardev", "file,id=file-of-monitor0,path=a,append=on"],
    ...["-monitor", "chardev:file-of-monitor0"],
    ...["-qmp", "unix:q,server=on,wait=off"],
  ]],
  [["-serial", "udp::4555,logfile=x"], ["-serial", "udp::4555,logfile=x"]],
  [["-serial", "tcp:h:1,logfile=x"], [
    "-serial",
    "tcp:h:1,logfile=x,logappend=on",
  ]],
  // Servers wait for nobody.
  [["-qmp", "unix:/a=b,server=on"], ["-qmp", "unix:/a=b,server=on,wait=off"]],
  [["-qmp", "unix:/a,,b,server"], ["-qmp", "unix:/a,,b,server,wait=off"]],
  [["-qmp-pretty", "tcp:[::1]:4,server,wait"], [
    "-qmp-pretty",
    "tcp:[::1]:4,server,wait=off",
  ]],
  [["-serial", "mon:telnet::4444,server=on,wait=on"], [
    "-serial",
    "mon:telnet::4444,server=on,wait=off",
  ]],
  [["-chardev", "socket,id=a,path=p,server=on"], [
    "-chardev",
    "socket,id=a,path=p,server=on,wait=off",
  ]],
  [["-gdb", "unix:g,server=on"], ["-gdb", "unix:g,server=on,wait=off"]],
];
for (const [from, to] of cases) {
  Deno.test(`"${from.join(" ")}" loses nothing and does not wait for a client`, () => {
    assertEquals(after(from), to);
  });
}

const kept: readonly string[][] = [
  ["-qmp", "unix:/a,server,nowait"],
  ["-qmp", "unix:/a,server=on,wait=off"],
  ["-qmp", "stdio"],
  ["-serial", "mon:stdio"],
  ["-serial", "unix:/client,reconnect-ms=100"],
  ["-gdb", "tcp::1234"],
  ["-chardev", "socket,id=a,path=p,server=off"],
  ["-chardev", "socket,id=a,fd=7,server=on,wait=off"],
  ["-chardev", "file,id=a,path=x,append=on"],
  ["-chardev", "ringbuf,id=a"],
  ["-serial", "chardev:a"],
  ["-mon", "chardev=a,mode=control"],
];
for (const words of kept) {
  Deno.test(`"${words.join(" ")}" is kept`, () => {
    assertEquals(after(words), words);
  });
}
