import { assertEquals } from "@std/assert";
import { managerOf } from "../../../lib/update/managers/managers.ts";
import {
  prepareCommand,
  type PreparedVm,
} from "../../../lib/update/managers/prepare.ts";
import { CommandLine } from "../../../lib/update/command/command_line.ts";

const QMP = ["-qmp", "unix:/run/a.qmp,server=on"];
const SHARED = [
  ...["-machine", "q35,aux-ram-share=on,memory-backend=m"],
  ...["-object", "memory-backend-memfd,id=m,size=1G,share=on"],
];
const LINES = "-machine aux-ram-share=on,memory-backend=ram0 -object " +
  "memory-backend-memfd,id=ram0,size=768M,share=on";

function judged(...words: string[]): PreparedVm {
  const [vm] = prepareCommand(["qemu-system-x86_64", ...words]).vms;
  if (vm === undefined) throw new Error("There is none");
  return vm;
}

const codes = ({ needs }: PreparedVm) => needs.map(({ code }) => code);

Deno.test("a VM that needs nothing is ready", () => {
  assertEquals(judged("-name", "a", ...QMP, ...SHARED), {
    ...{ pid: null, name: "a", manager: "no manager", ready: true },
    ...{ needs: [], add: [] },
  });
});

Deno.test("everything that a command line lacks is named, with options to add", () => {
  const vm = judged("-snapshot", "-sandbox", "on,spawn=deny", "-m", "768");
  assertEquals(codes(vm), [
    ...["arguments", "sandbox", "memory-backends", "no-monitor"],
  ]);
  assertEquals(vm.add, [{
    file: "its command line",
    lines: [
      `${LINES} -sandbox on,spawn=allow -qmp unix:/run/vm.qmp,server=on,wait=off`,
    ],
  }]);
});

Deno.test("no line to paste is a VM's own", () => {
  const evil = "1G\nExecStartPre=+/tmp/evil";
  for (
    const words of [
      ["-m", `size=${evil}`],
      ["-object", `memory-backend-ram,id=a,size=${evil}`],
      ["-monitor", "unix:/a-monitor.socket", "-name", `guest=a\n${evil}`],
    ]
  ) {
    const vm = judged(...words);
    assertEquals(vm.add, []);
    assertEquals(codes(vm).at(-1), "command-line");
  }
});

Deno.test("back ends that are not shared are changed where that is possible", () => {
  const words = [
    ...["-machine", "q35,memory-backend=m", ...QMP],
    ...["-object", "memory-backend-ram,id=m,size=1G"],
  ];
  assertEquals(judged(...words).add, [
    { file: "its command line", lines: ["-machine aux-ram-share=on"] },
    {
      file: "its command line, in place of the options with these ids",
      lines: ["-object memory-backend-ram,id=m,size=1G,share=on"],
    },
  ]);
  assertEquals(judged("-id", "7", "-numa", "node", ...words).add, [{
    file: "/etc/pve/qemu-server/7.conf",
    lines: ["args: -machine aux-ram-share=on", "numa: 0"],
  }]);
});

const DOCUMENT = Deno.readTextFileSync(
  new URL("../../../docs/managers.md", import.meta.url),
);
const OWN_RAM = [
  ...["-object", "memory-backend-memfd,id=mem0,size=768M,share=on"],
  ...["-numa", "node,memdev=mem0"],
];
const INCUS = ["-smbios", "type=2,manufacturer=LinuxContainers,product=Incus"];
const HELD = [
  ...["-chardev", "socket,id=monitor,path=/run/incus/v1/m,server=on,wait=off"],
  ...["-qmp", "chardev:monitor", "-name", "v1", "-m", "768"],
];

Deno.test("each manager is recognized by its command line, with the options to add", () => {
  const cases: readonly [string, readonly string[], readonly string[]][] = [
    ["Incus", [...INCUS, ...HELD, ...OWN_RAM], [
      "incus config set v1 raw.qemu='-qmp " +
      "unix:/run/incus/v1/v1.qmp,server=on,wait=off'",
      "incus config set v1 raw.qemu.conf='[machine]\naux-ram-share = \"on\"'",
    ]],
    ["Proxmox", ["-id", "100", ...QMP, "-m", "768"], [`args: ${LINES}`]],
    [
      "Ganeti",
      [
        ...["-name", "g1", "-pidfile", "/run/ganeti/kvm-hypervisor/pid/g1"],
        ...[...QMP, "-m", "768", "-mem-path", "/x"],
      ],
      [
        `gnt-instance modify -H 'kvm_extra=${
          LINES.replaceAll(",", "\\,")
        },mem_path=' g1`,
      ],
    ],
    [
      "microvm.nix",
      ["-M", "microvm", "-drive", "id=store", ...QMP, "-m", "768"],
      [`microvm.qemu.extraArgs = [ ${
        LINES.split(" ").map((it) => `"${it}"`).join(" ")
      } ];`],
    ],
    [
      "quickemu",
      ["-monitor", "unix:/x/q1-monitor.socket,server,nowait", "-m", "768"],
      [`extra_args='${LINES} -qmp unix:/run/vm.qmp,server=on,wait=off'`],
    ],
  ];
  for (const [manager, words, lines] of cases) {
    const vm = judged(...words);
    assertEquals(vm.manager, manager);
    assertEquals(vm.add.flatMap((it) => it.lines), lines);
    assertEquals(vm.ready, false);
    for (const line of lines) {
      assertEquals(DOCUMENT.includes(line), true, `${manager}: ${line}`);
    }
  }
});

Deno.test("a libvirt domain gets what it lacks as XML", () => {
  const domain = ["-name", "guest=d1", "-chardev", "null,id=charmonitor"];
  const vm = judged(...domain, "-sandbox", "on,spawn=deny", "-snapshot");
  assertEquals([vm.manager, vm.ready], ["libvirt", false]);
  assertEquals(codes(vm), [
    ...["memory-backends", "memory-backends", "sandbox", "arguments"],
  ]);
  assertEquals(vm.add.map(({ file }) => file), [
    ...["<domain>", "<domain>", "/etc/libvirt/qemu.conf"],
  ]);
  assertEquals(vm.add[2]?.lines, ["seccomp_sandbox = 0"]);
  assertEquals(judged(...domain, ...SHARED).ready, true);
});

Deno.test("a VM whose only monitor is held needs another", () => {
  const aux = [...SHARED, ...INCUS, ...HELD];
  assertEquals(codes(judged(...aux)), ["qmp-busy"]);
  assertEquals(codes(judged(...aux, ...QMP)), []);
});

Deno.test("a service is recognized by its unit", () => {
  const line = CommandLine.parse("QEMU", ["qemu", ...SHARED]);
  const manager = (unit: string) => managerOf({ line, unit, name: undefined });
  assertEquals(manager("qemu@web.service").name, "systemd");
  const { name, unit } = manager("microvm@web.service");
  assertEquals(name, "microvm.nix");
  assertEquals(DOCUMENT.includes(unit?.lines[0] ?? "-"), true);
});

Deno.test("a name that a VM chose is quoted for a shell", () => {
  const name = "$(reboot)'`x`";
  const hostile = ["-name", name, "-m", "768"];
  const [incus = ""] = judged(...INCUS, ...hostile).add[0]?.lines ?? [];
  assertEquals(
    incus.startsWith("incus config set '$(reboot)'\\''`x`' raw.qemu="),
    true,
    incus,
  );
  const [size = ""] = judged(
    ...["-monitor", "unix:/a-monitor.socket", "-m", "1;reboot;'"],
  ).add[0]?.lines ?? [];
  const { stdout } = new Deno.Command("/bin/sh", {
    args: ["-c", `${size}; eval "set -- $extra_args"; printf %s "$4"`],
  }).outputSync();
  assertEquals(
    new TextDecoder().decode(stdout),
    "memory-backend-memfd,id=ram0,size=1;reboot;',share=on",
  );
  const nix = judged("-M", "microvm", "-drive", "id=store", "-m", "${x}");
  assertEquals(nix.add[0]?.lines[0]?.includes("size=\\${x}"), true);
});

Deno.test("a command line that cannot be read is reported", () => {
  const vm = judged("-m");
  assertEquals([vm.ready, codes(vm)], [false, ["command-line"]]);
});
