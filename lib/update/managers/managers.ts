/**
 * What starts a VM, and where it takes further options from. A VM is told by
 * what its manager writes on the command line, or by its systemd unit.
 *
 * @module
 */

import { folderOf } from "../../path.ts";
import { shellWords } from "../command/draft.ts";
import type { CommandLine } from "../command/command_line.ts";
import { isOfLibvirt } from "../command/obstacles.ts";
import { monitorSockets } from "../host/monitors.ts";

/** How a manager is given further options of QEMU. */
export interface Manager {
  readonly name: string;
  /** Where they go; null if cprctl knows no place. */
  readonly file: string | null;
  /** The lines to write there, or to run in a shell. */
  lines(words: readonly string[]): string[];
  /** Whether options that are there can be changed, not only added to. */
  readonly isEditable: boolean;
  /** Where ExitType=cgroup goes, if not into a drop-in of the unit. */
  readonly unit?: Place;
  /** Whether it holds the VM's first monitor for good. */
  readonly holdsMonitor: boolean;
}

/** Lines, and where they go. */
export interface Place {
  readonly file: string;
  readonly lines: readonly string[];
}

/** What is known of a VM that runs, or is to run. */
export interface Started {
  readonly line: CommandLine;
  readonly name: string | undefined;
  /** Its systemd unit; undefined without one. */
  readonly unit: string | undefined;
}

const USUAL = { holdsMonitor: false, isEditable: false } as const;
const EDITED = {
  holdsMonitor: false,
  isEditable: true,
  lines: (words: readonly string[]) => [shellWords(words)],
} as const;

/** A word in quotes of a shell, whatever is in it. */
const quotedWord = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Each recognizes its own VMs, and returns how it is given options. */
const MANAGERS: readonly ((it: Started) => Manager | undefined)[] = [
  ({ line }) =>
    isOfLibvirt(line)
      ? { name: "libvirt", file: null, lines: () => [], ...USUAL }
      : undefined,
  proxmox,
  incus,
  ganeti,
  microvmNix,
  quickemu,
];

/** The manager of a VM. */
export function managerOf(it: Started): Manager {
  for (const recognize of MANAGERS) {
    const manager = recognize(it);
    if (manager !== undefined) return manager;
  }
  const { unit } = it;
  return unit === undefined
    ? {
      ...EDITED,
      name: "no manager",
      file: "its command line",
    }
    : {
      ...EDITED,
      name: "systemd",
      file: `ExecStart= of ${unit} (systemctl edit --full ${unit})`,
    };
}

function proxmox({ line }: Started): Manager | undefined {
  const id = line.texts("id").at(-1) ?? "";
  if (!/^\d+$/.test(id)) return undefined;
  return {
    ...USUAL,
    name: "Proxmox",
    file: `/etc/pve/qemu-server/${id}.conf`,
    lines: (words) => [
      `args: ${shellWords(words)}`,
      // Its back ends of such VMs cannot be changed by further options.
      ...line.has("numa") ? ["numa: 0"] : [],
    ],
  };
}

const INCUS = /^(?:LinuxContainers|Canonical Ltd\.)$/;

function incus({ line, name = "NAME" }: Started): Manager | undefined {
  const isIt = line.values("smbios")
    .some((it) => INCUS.test(it.get("manufacturer") ?? ""));
  if (!isIt) return undefined;
  return {
    ...USUAL,
    name: "Incus",
    file: "the configuration of the instance",
    holdsMonitor: true,
    lines(words) {
      const at = words.indexOf("-machine");
      const machine = at < 0 ? undefined : words[at + 1];
      const others = at < 0 ? words : words.toSpliced(at, 2);
      const section = machine === undefined ? [] : [
        "[machine]",
        ...machine.split(",").map((it) => it.split("="))
          .map(([key, value]) => `${key} = "${value}"`),
      ];
      return [
        ...others.length === 0 ? [] : [
          `incus config set ${shellWords([name])} raw.qemu=${
            quotedWord(shellWords(others))
          }`,
        ],
        ...section.length === 0 ? [] : [
          `incus config set ${shellWords([name])} raw.qemu.conf=` +
          quotedWord(section.join("\n")),
        ],
      ];
    },
  };
}

function ganeti({ line, name = "NAME" }: Started): Manager | undefined {
  const places = [
    ...line.texts("pidfile", "monitor", "qmp"),
    ...line.all("chardev", "path"),
  ];
  if (!places.some((it) => it.includes("/ganeti/"))) return undefined;
  return {
    ...USUAL,
    name: "Ganeti",
    file: "the hypervisor parameters of the instance",
    lines(words) {
      // A comma ends a parameter.
      const extra = shellWords(words).replaceAll(",", "\\,");
      const path = line.has("mem-path") ? ",mem_path=" : "";
      return [
        `gnt-instance modify -H ${quotedWord(`kvm_extra=${extra}${path}`)} ` +
        shellWords([name]),
      ];
    },
  };
}

const MICROVM = /^microvm@/;

function microvmNix({ line, unit = "" }: Started): Manager | undefined {
  const isIt = MICROVM.test(unit) ||
    line.all("drive", "id").includes("store") &&
      line.all("machine", "type").includes("microvm");
  if (!isIt) return undefined;
  return {
    ...USUAL,
    name: "microvm.nix",
    file: "the NixOS configuration of the VM",
    unit: {
      file: "the NixOS configuration of the host",
      lines: ['systemd.services."microvm@".serviceConfig.ExitType = "cgroup";'],
    },
    lines: (words) => [
      `microvm.qemu.extraArgs = [ ${
        words.map((it) => JSON.stringify(it).replaceAll("${", "\\${"))
          .join(" ")
      } ];`,
    ],
  };
}

const QUICKEMU = /-monitor\.socket(?:,|$)/;

function quickemu({ line, name = "NAME" }: Started): Manager | undefined {
  if (!line.texts("monitor").some((it) => QUICKEMU.test(it))) return undefined;
  return {
    ...USUAL,
    name: "quickemu",
    file: `${name}.conf`,
    lines: (words) => [`extra_args=${quotedWord(shellWords(words))}`],
  };
}

/**
 * The folder of the monitor that a manager holds: it may make sockets there.
 */
export function monitorFolder(line: CommandLine): string | undefined {
  const [socket] = monitorSockets(line);
  if (socket === undefined || !("path" in socket)) return undefined;
  return folderOf(socket.path);
}
