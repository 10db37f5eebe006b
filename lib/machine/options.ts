/**
 * The embedded machine's command line, in QEMU's own option style.
 *
 * @module
 */

import {
  type Argument,
  keysOf,
  type OptionTable,
  type OptionValue,
  OptionValueError,
  parseArguments,
} from "../cmdline/mod.ts";
import type { QmpAddress } from "../qmp/mod.ts";
import { MAXIMUM_RAM } from "./cpu/mod.ts";

/** The only machine type, as named in the configuration section. */
export const MACHINE_TYPE = "virt";

/** Name of the RAMBlock without a memory backend. */
export const AUX_RAM_NAME = `${MACHINE_TYPE}.aux`;

const DEFAULT_RAM = 16 * 1024 * 1024;

/** Guest RAM of -object, or of -m alone. */
export interface RamBackend {
  /** Name of its RAMBlock. */
  readonly id: string;
  /** Bytes. */
  readonly size: number;
  /** Whether it is shared memory, which can be preserved. */
  readonly share: boolean;
  /** Its file; undefined if it is a memfd. */
  readonly path: string | undefined;
  /** False for RAM of -m, whose name a new process does not know. */
  readonly named: boolean;
}

/** The output of the serial port. */
export type SerialTarget =
  | { readonly type: "null" }
  | { readonly type: "stdio" }
  | { readonly type: "file"; readonly path: string; readonly append: boolean };

/** A QMP server of the command line. */
export interface QmpOption {
  readonly address: QmpAddress;
  /** Whether to wait for a client before anything else. */
  readonly wait: boolean;
}

/** The parsed command line. */
export interface MachineOptions {
  readonly auxRamShare: boolean;
  readonly ram: RamBackend;
  readonly name: string | undefined;
  readonly uuid: string | undefined;
  readonly qmp: readonly QmpOption[];
  /** Whether the human monitor is on stdin and stdout. */
  readonly monitor: boolean;
  readonly serial: SerialTarget;
  /** A migration URI, "defer", or a JSON channel. */
  readonly incoming: readonly string[];
  /** -S: do not start the guest. */
  readonly startStopped: boolean;
  readonly pidfile: string | undefined;
}

/** The options; -help has the same. */
const TABLE: OptionTable = new Map([
  ["machine", { takesValue: true, impliedKey: "type" }],
  ["M", { takesValue: true, impliedKey: "type", aliasOf: "machine" }],
  ["m", { takesValue: true, impliedKey: "size" }],
  ["object", { takesValue: true, impliedKey: "qom-type" }],
  ["name", { takesValue: true, impliedKey: "guest" }],
  ["uuid", { takesValue: true }],
  ["qmp", { takesValue: true }],
  ["monitor", { takesValue: true }],
  ["serial", { takesValue: true }],
  ["chardev", { takesValue: true, impliedKey: "backend" }],
  ["incoming", { takesValue: true }],
  ["S", { takesValue: false }],
  ["pidfile", { takesValue: true }],
  ["display", { takesValue: true }],
  ["nodefaults", { takesValue: false }],
]);

/** The keys of their values. */
const KEYS: ReadonlyMap<string, readonly string[]> = new Map([
  ["machine", ["type", "aux-ram-share", "memory-backend"]],
  ["m", ["size"]],
  ["object", ["qom-type", "id", "size", "share", "mem-path"]],
  ["name", ["guest"]],
  ["chardev", ["backend", "id", "path", "append"]],
]);

/** Text of `cprctl machine -help`. */
export const MACHINE_HELP = `\
Run the embedded machine: a small RISC-V computer that speaks QMP and QEMU's
human monitor, and moves itself to a new program by cpr-exec.

Usage: cprctl machine [OPTION]...

  -machine virt[,aux-ram-share=on|off][,memory-backend=ID]
                  aux-ram-share=on lets RAM without a backend be preserved
  -object memory-backend-memfd,id=ID,size=SIZE[,share=on|off]
                  guest RAM; share=on (the default) lets it be preserved
  -object memory-backend-file,id=ID,size=SIZE,mem-path=FILE[,share=on|off]
                  guest RAM in a file; with share=on (the default is off) a
                  later process finds it there: for cpr-reboot
  -m SIZE         guest RAM without a backend (default 16M)
  -name NAME      name of the virtual machine
  -uuid UUID      its identity
  -qmp unix:PATH,server=on[,wait=on|off]
  -qmp tcp:HOST:PORT,server=on[,wait=on|off]
                  QMP server; may be given several times
  -monitor stdio|none
                  human monitor on standard input and output
  -serial stdio|null|file:PATH|chardev:ID
                  the guest's serial port; output not read at once is lost
  -chardev file,id=ID,path=PATH[,append=on|off]
                  a file for -serial
  -incoming URI   load the state of another machine: file:PATH[,offset=N],
                  fd:NUMBER, exec:COMMAND, unix:PATH, tcp:HOST:PORT, a channel
                  in JSON, or defer to wait for migrate-incoming
  -S              do not start the guest; "cont" does
  -pidfile FILE   write the PID to FILE
  -display none   accepted and ignored, as is -nodefaults

Example: update a machine in place, by hand.

  cprctl machine -machine virt,aux-ram-share=on \\
      -object memory-backend-memfd,id=ram0,size=64M,share=on -monitor stdio
  (cprctl) migrate_set_parameter mode cpr-exec
  (cprctl) migrate_set_parameter cpr-exec-command cprctl machine \\
      -machine virt,aux-ram-share=on \\
      -object memory-backend-memfd,id=ram0,size=64M,share=on \\
      -monitor stdio -incoming file:vm.state
  (cprctl) migrate -d file:vm.state
`;

/**
 * Parses the words after `machine`.
 *
 * @throws {CmdlineError} naming the option that is wrong
 */
export function parseMachineOptions(words: readonly string[]): MachineOptions {
  const options = parseArguments(words, TABLE);
  const all = (name: string) => options.filter(({ option }) => option === name);
  const last = (name: string) => all(name).at(-1);
  const keysOfLast = (name: string) => {
    const argument = last(name);
    return argument === undefined ? undefined : keys(argument);
  };
  const machine = parseMachine(keysOfLast("machine"));
  return {
    auxRamShare: machine.auxRamShare,
    ram: parseRam(
      all("object").map(parseBackend),
      machine.memoryBackend,
      keysOfLast("m")?.size("size", "M"),
    ),
    name: keysOfLast("name")?.get("guest"),
    uuid: parseUuid(last("uuid")?.value),
    qmp: all("qmp").map(parseQmp),
    monitor: parseMonitor(last("monitor")?.value),
    serial: parseSerial(last("serial")?.value, all("chardev").map(keys)),
    incoming: all("incoming").map(({ value }) => value ?? ""),
    startStopped: last("S") !== undefined,
    pidfile: last("pidfile")?.value,
  };
}

/** Refuses unknown keys: ignoring one could cost the guest its RAM. */
function keys(argument: Argument): OptionValue {
  const value = keysOf(argument, TABLE);
  const known = KEYS.get(argument.option) ?? [];
  const unknown = value.entries.find(({ key }) => !known.includes(key));
  if (unknown === undefined) return value;
  throw new OptionValueError(
    unknown.key,
    unknown.value,
    `-${argument.option} has only ${known.join(", ")}`,
  );
}

function parseMachine(value: OptionValue | undefined) {
  const type = value?.get("type") ?? MACHINE_TYPE;
  if (type !== MACHINE_TYPE) {
    throw expected("machine", type, `"${MACHINE_TYPE}"`);
  }
  return {
    auxRamShare: value?.boolean("aux-ram-share") ?? false,
    memoryBackend: value?.get("memory-backend"),
  };
}

function parseRam(
  backends: readonly RamBackend[],
  wanted: string | undefined,
  size = DEFAULT_RAM,
): RamBackend {
  const backend = wanted === undefined
    ? backends.at(-1)
    : backends.find(({ id }) => id === wanted);
  if (backend !== undefined) return backend;
  if (wanted !== undefined) {
    throw new OptionValueError("memory-backend", wanted, "no such object");
  }
  return {
    id: `${MACHINE_TYPE}.ram`,
    size: checkRamSize(size),
    share: false,
    path: undefined,
    named: false,
  };
}

function parseBackend(argument: Argument): RamBackend {
  const value = keys(argument);
  const type = value.get("qom-type") ?? "";
  const isFile = type === "memory-backend-file";
  if (!isFile && type !== "memory-backend-memfd") {
    throw expected("object", type, "memory-backend-memfd or -file");
  }
  const path = isFile ? value.require("mem-path") : undefined;
  const size = value.size("size");
  if (size === undefined) {
    throw new OptionValueError("size", "", "an object needs a size");
  }
  const id = value.require("id");
  if (id === AUX_RAM_NAME) {
    throw new OptionValueError("id", id, "other RAM has that name");
  }
  return {
    id,
    size: checkRamSize(size),
    // The defaults are QEMU's.
    share: value.boolean("share") ?? !isFile,
    path,
    named: true,
  };
}

function checkRamSize(size: number): number {
  if (size > 0 && size <= MAXIMUM_RAM && size % 4096 === 0) return size;
  throw expected("size", `${size}`, "whole pages, up to 2G");
}

function expected(key: string, value: string, what: string): OptionValueError {
  return new OptionValueError(key, value, `expected ${what}`);
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

function parseUuid(text: string | undefined): string | undefined {
  if (text === undefined || UUID.test(text)) return text;
  throw expected("uuid", text, "8-4-4-4-12 hex digits");
}

function parseQmp({ value = "" }: Argument): QmpOption {
  const match = /^(?:unix:([^,]+)|tcp:(.*):(\d{1,5}))((?:,[^,]*)*)$/.exec(
    value,
  );
  if (match === null) {
    throw expected("qmp", value, "unix:PATH or tcp:HOST:PORT");
  }
  const flags = new Set((match[4] ?? "").split(",").filter((it) => it !== ""));
  // The short forms are older, as in QEMU.
  const server = flags.delete("server=on") || flags.delete("server");
  const noWait = flags.delete("wait=off") || flags.delete("nowait");
  flags.delete("wait=on");
  const [unknown] = flags;
  if (unknown !== undefined) {
    throw new OptionValueError("qmp", value, `"${unknown}" is unknown`);
  }
  if (!server) {
    throw new OptionValueError("qmp", value, "only server=on is supported");
  }
  const [, path, host = "", port] = match;
  const address = path === undefined
    ? { host: host === "" ? "127.0.0.1" : host, port: Number(port) }
    : { path };
  return { address, wait: !noWait };
}

function parseMonitor(text = "none"): boolean {
  if (text === "stdio" || text === "none") return text === "stdio";
  throw expected("monitor", text, '"stdio" or "none"');
}

function parseSerial(
  text = "null",
  chardevs: readonly OptionValue[],
): SerialTarget {
  if (text === "null" || text === "stdio") return { type: text };
  if (text === "none") return { type: "null" };
  if (text.startsWith("file:")) {
    return { type: "file", path: text.slice("file:".length), append: false };
  }
  const id = text.startsWith("chardev:") ? text.slice("chardev:".length) : "";
  const chardev = chardevs.find((value) => value.get("id") === id);
  if (chardev === undefined) {
    throw expected("serial", text, "stdio, null or file:PATH");
  }
  const backend = chardev.get("backend") ?? "";
  if (backend !== "file") {
    throw expected("chardev", backend, '"file"');
  }
  return {
    type: "file",
    path: chardev.require("path"),
    append: chardev.boolean("append") ?? false,
  };
}
