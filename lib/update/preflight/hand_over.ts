/**
 * What only a cpr-transfer needs: two programs run side by side for a moment,
 * so nothing of the VM may be open twice, and the VM gets another process.
 * Only options that are known to be harmless twice are allowed.
 *
 * @module
 */

import type { OptionValue } from "../../cmdline/mod.ts";
import { sentDescriptors } from "../carry/carried.ts";
import {
  type CommandLine,
  DEVICE_OPTIONS,
  namedFile,
  namedSocket,
} from "../command/command_line.ts";
import { shellWords } from "../command/draft.ts";
import { pathsOf } from "../command/transfer_command.ts";
import { ifThere, ifThereSync } from "../../gone.ts";
import { folderOf } from "../../path.ts";
import { readProcText } from "../../proc/file.ts";
import { readStat } from "../../proc/stat.ts";
import { staysInPlace } from "../process/service.ts";
import {
  type CheckContext,
  type PreflightCheck,
  problemCheck,
  quoted,
} from "./check.ts";

/** What these checks look at. */
export type HandOverContext = Pick<
  CheckContext,
  "carried" | "command" | "facts" | "handOver" | "next"
>;

const USE_EXEC = "Update it with --mode cpr-exec";

/** Options that only describe the guest, or files that are locked or read. */
const HARMLESS = words(`
  M machine accel enable-kvm cpu smp m numa mem-path mem-prealloc name uuid rtc
  boot global nodefaults no-user-config smbios acpitable fw_cfg bios kernel
  initrd append dtb pflash drive blockdev hda hdb hdc hdd cdrom fda fdb sd
  mtdblock option-rom vga k L msg overcommit sandbox action no-shutdown
  no-reboot watchdog-action only-migratable usb S incoming daemonize pidfile
  mon seed g compat id
`);

/** Options of which some values are allowed. */
const LIMITED: Readonly<Record<string, (value: OptionValue) => boolean>> = {
  object: (it) => HARMLESS_OBJECTS.test(it.get("qom-type") ?? ""),
  device: (it) =>
    !OF_THE_HOST.test(it.get("driver") ?? "") && !it.has("vhostfd"),
  display: (it) => it.get("type") === "none",
  vnc: (it) => it.get("vnc") === "none",
  net: (it) => isPrivate(it) || it.get("type") === "nic",
  netdev: isPrivate,
  nic: isPrivate,
  chardev: (it) =>
    HARMLESS_BACKENDS.includes(it.get("backend") ?? "") || isUnixServer(it),
  "run-with": (it) => it.boolean("exit-with-parent") !== true,
};

const HARMLESS_OBJECTS =
  /^(memory-backend-(memfd|ram|file|shm)|rng-.*|iothread|secret|throttle-group|main-loop|thread-context|tls-creds-.*|can-bus)$/;
/** Devices that open something of the host, or are a server there. */
const OF_THE_HOST =
  /^(vfio|vhost|usb-(host|redir|mtp)|ivshmem|tpm|scsi-(generic|block)|u2f|ccid|xen|virtio-9p|virtio-sound|intel-hda|vdpa)/;
const HARMLESS_BACKENDS = ["null", "file", "ringbuf", "memory", "vc"];

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** User networking that no port of the host leads to, or none. */
function isPrivate(network: OptionValue): boolean {
  const kind = network.get("type");
  if (kind === "none" || kind === "hubport") return true;
  return kind === "user" &&
    !network.entries.some(({ key }) =>
      /^(hostfwd|guestfwd|smb|tftp)/.test(key)
    );
}

function isUnixServer(socket: OptionValue): boolean {
  return socket.get("backend") === "socket" &&
    socket.boolean("server") === true && socket.has("path") &&
    socket.boolean("abstract") !== true;
}

/** Nothing on the command line can be open in only one program at a time. */
export const transferArguments = problemCheck<HandOverContext>({
  id: "transfer-arguments",
  ok: "both programs can open what the command line names",
  detail: (found) =>
    `Two programs cannot have this open at once, as cpr-transfer needs: ` +
    found,
  remedy: USE_EXEC,
  find: ({ next, command, carried }) => [
    ...contendedIn(next),
    ...[...command.descriptors, ...sentDescriptors(carried.commands)].map((
      it,
    ) => `descriptor ${it} of the process`),
  ],
});

/** The options that two programs cannot have at the same time. */
export function contendedIn(line: CommandLine): string[] {
  return line.uses.flatMap(({ option, value, keys, words }) => {
    const isFree = HARMLESS.includes(option) ||
      (DEVICE_OPTIONS.some((it) => it === option)
        ? isFreeDevice(option, value ?? "")
        : LIMITED[option]?.(keys()) === true);
    return isFree ? [] : [shellWords(words)];
  });
}

/** Values of `-serial` and such. */
function isFreeDevice(option: string, value: string): boolean {
  if (option === "gdb") return value === "none";
  if (["none", "null"].includes(value) || /^(mon:)?chardev:/.test(value)) {
    return true;
  }
  if (namedFile(value) !== undefined) return true;
  const { prefix, keys } = namedSocket(value) ?? {};
  return prefix?.endsWith("unix:") === true && keys?.has("path") === true &&
    keys.boolean("server") === true && keys.boolean("abstract") !== true;
}

/** The longest path of a unix socket, in bytes (sun_path, with its NUL). */
const LONGEST_PATH = 107;

/** The new program can make its sockets next to those of the VM. */
export const transferPaths = problemCheck<HandOverContext>({
  id: "transfer-paths",
  ok: "the new program can listen next to the VM's sockets",
  remedy: `${USE_EXEC}, or let only the VM's user write there`,
  find({ handOver, facts: { owner } }) {
    if (handOver === undefined) return [];
    const { moves, monitor } = handOver;
    const paths = [monitor, ...pathsOf(handOver)];
    const long = paths.filter((it) =>
      new TextEncoder().encode(it).length > LONGEST_PATH
    );
    const shared = folderOf(monitor);
    const others = new Set(paths.map(folderOf));
    others.delete(shared);
    const isMoved = moves.some(({ from }) => from === monitor);
    return [
      ...long.map((it) => `${quoted(it)} is too long for a unix socket`),
      // The source connects there before it is known who listens.
      ...isOpenToOthers(shared, owner.uid)
        ? [`other users can make a socket in ${quoted(shared)}`]
        : [],
      ...[...others].filter(isAnyones).map((it) =>
        `every user can replace a socket in ${quoted(it)}`
      ),
      ...isMoved ? [] : [
        `The monitor ${quoted(monitor)} is not at a path of the command line`,
      ],
    ];
  },
});

const ROOT = 0;
const WRITABLE_BY_ALL = 0o002;
const WRITABLE_BY_GROUP = 0o020;
const STICKY = 0o1000;

/** Whether others than root and a user can make files in a folder. */
function isOpenToOthers(folder: string, user: number): boolean {
  const status = ifThereSync(() => Deno.statSync(folder));
  if (status === undefined) return false;
  const { mode, uid, gid } = status;
  // A group that is the user's alone has the user's number.
  const [isTheirs, isOfTheirGroup] = [uid, gid].map((it) =>
    it !== ROOT && it !== user
  );
  const writers = isOfTheirGroup
    ? WRITABLE_BY_ALL | WRITABLE_BY_GROUP
    : WRITABLE_BY_ALL;
  return isTheirs === true || ((mode ?? 0) & writers) !== 0;
}

/** Whether any user can replace the files of others in a folder. */
function isAnyones(folder: string): boolean {
  const mode = ifThereSync(() => Deno.statSync(folder))?.mode ?? 0;
  return (mode & WRITABLE_BY_ALL) !== 0 && (mode & STICKY) === 0;
}

/**
 * Nothing depends on the VM's process, and another one can have its context.
 */
export const transferProcess = problemCheck<HandOverContext>({
  id: "transfer-process",
  ok: "the VM can move to another process",
  detail: (found) => `The VM cannot move to another process: ${found}`,
  remedy: USE_EXEC,
  async find({ facts, handOver }) {
    const links = ["root", "ns/mnt", "ns/pid"];
    const [theirs, ours] = await Promise.all(
      [facts.pid, "self"].map((it) =>
        Promise.all(links.map((link) => Deno.readLink(`/proc/${it}/${link}`)))
      ),
    );
    const service = facts.service?.name;
    const starter = service && await starterOf(facts.pid);
    return [
      ...String(theirs) === String(ours)
        ? []
        : ["it is in another root directory or container"],
      ...staysInPlace(facts, handOver?.moves)
        ? []
        : [`the service "${service}" ends with its main process`],
      ...starter
        ? [`the service "${service}" may end with ${starter}, which started it`]
        : [],
      ...facts.tpmPage === undefined ? [] : ["it has a TPM"],
    ];
  },
});

const INIT = 1;

/** The process that started the VM sees its end, and may start it again. */
export const transferParent = problemCheck<HandOverContext>({
  id: "transfer-parent",
  verdict: "warn",
  ok: "no other process waits for the VM's process to end",
  detail: (found) =>
    `The VM's process will end, and its parent sees it: ${found}`,
  remedy: "Make sure that the parent does not start the VM again",
  async find({ facts }) {
    const starter = await starterOf(facts.pid);
    return starter === undefined ? [] : [starter];
  },
});

/** The process that started another one and sees its end, if any does. */
async function starterOf(pid: number): Promise<string | undefined> {
  const { parent } = await readStat(pid);
  if (parent <= INIT) return; // or in another pid namespace
  const name = await ifThere(readProcText(parent, "comm"));
  // A user's systemd adopts daemons, as init does.
  if (name === undefined || name.trim() === "systemd") return;
  return `process ${parent}, ${quoted(name.trim())}`;
}

/** The checks of a cpr-transfer alone. */
export const HAND_OVER: readonly PreflightCheck<HandOverContext>[] = [
  transferArguments,
  transferPaths,
  transferProcess,
  transferParent,
];
