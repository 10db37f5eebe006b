/**
 * A running domain of libvirt's system daemon, as the daemon's own file of it
 * says: /run/libvirt/qemu/NAME.xml. The daemon reads that file when it starts.
 *
 * The folder belongs to the user of the VMs, who may rename and replace files
 * in it. So a file counts only if it is root's, and names the domain itself.
 *
 * @module
 */

import { openForeignFile } from "../../../ffi/foreign_file.ts";
import { ifPossible } from "../../../ffi/libc.ts";
import { ifThereSync } from "../../gone.ts";
import { RefusedError, UpdateProblem } from "../error.ts";

const FOLDER = "/run/libvirt/qemu";
const ROOT = 0;
/** Domains with a thousand devices have less. */
const LONGEST = 16 * 1024 * 1024;
const LARGEST_PID = 4_194_304;

/** A running domain. Plain data. */
export interface Domain {
  readonly name: string;
  readonly pid: number;
  /** Path of the monitor that the daemon is connected to. */
  readonly monitor: string;
}

/**
 * Finds a domain by its name.
 *
 * @throws {RefusedError} when no such domain runs
 */
export function findDomain(name: string): Domain {
  const text = readStatus(name);
  const domain = text === undefined ? undefined : parseStatus(text);
  if (domain?.name === name) return domain;
  throw new RefusedError(
    "no-domain",
    `Cannot find a running domain "${name}" of libvirt's system daemon`,
    { remedy: "Run cprctl list to see the names" },
  );
}

/** The domain of a process; undefined if libvirt's file names another one. */
export function domainOf(name: string, pid: number): Domain | undefined {
  const text = readStatus(name);
  const domain = text === undefined ? undefined : parseStatus(text);
  return domain?.name === name && domain.pid === pid ? domain : undefined;
}

/**
 * Tells libvirt the domain's process after a rollback. Only while the daemon is
 * stopped: it writes the file itself.
 */
export async function writePid(
  { name, pid: before }: Domain,
  pid: number,
): Promise<void> {
  const text = readStatus(name);
  const found = text === undefined ? undefined : parseStatus(text);
  if (text === undefined || found?.pid !== before) {
    throw new UpdateProblem(
      "libvirt-status",
      `libvirt's file of domain "${name}" is missing or was changed`,
    );
  }
  await replace(`${FOLDER}/${name}.pid`, `${pid}`, 0o644);
  const edited = text.replace(
    STATUS,
    (tag) => tag.replace(/(\spid=['"])\d+/, `$1${pid}`),
  );
  await replace(pathOf(name), edited, 0o600);
}

/** Atomically, and through no link that the VMs' user may have put there. */
async function replace(
  path: string,
  content: string,
  mode: number,
): Promise<void> {
  const draft = await Deno.makeTempFile({ dir: "/run", prefix: "cprctl-" });
  await Deno.writeTextFile(draft, content);
  await Deno.chmod(draft, mode);
  await Deno.rename(draft, path);
}

function pathOf(name: string): string {
  return `${FOLDER}/${name}.xml`;
}

/** Undefined if root has no such file. */
function readStatus(name: string): string | undefined {
  if (name === "" || name.includes("/")) return undefined;
  return readRootsFile(pathOf(name));
}

/** Errors of openForeignFile() for what cannot be a file of libvirt. */
const NO_FILE = ["EINVAL", "EISDIR", "EAGAIN"];

/** The text of a file; undefined if there is none, or it is not root's. */
export function readRootsFile(path: string): string | undefined {
  using file = ifThereSync(() =>
    ifPossible(() => openForeignFile(path), ...NO_FILE)
  );
  // Checks the open file: another one may be at the path by now.
  if (file?.stat().uid !== ROOT) return undefined;
  return new TextDecoder().decode(file.readAll(LONGEST));
}

const STATUS = /<domstatus\s[^>]*>/;
const MONITOR = /<monitor\s[^>]*>/;
const NAME = /<domain\s[^>]*>\s*<name>([^<]*)<\/name>/;

/** What the file says; undefined if it is not such a file. */
export function parseStatus(text: string): Domain | undefined {
  const pid = Number(attribute(text, STATUS, "pid"));
  const monitor = attribute(text, MONITOR, "path");
  const name = NAME.exec(text)?.[1];
  const isPid = Number.isInteger(pid) && pid > 1 && pid <= LARGEST_PID;
  if (!isPid || monitor === undefined || name === undefined) return undefined;
  return { name: unescaped(name), pid, monitor: unescaped(monitor) };
}

function attribute(
  text: string,
  element: RegExp,
  name: string,
): string | undefined {
  const tag = element.exec(text)?.[0] ?? "";
  return new RegExp(`\\s${name}=(['"])(.*?)\\1`).exec(tag)?.[2];
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function unescaped(text: string): string {
  return text.replaceAll(/&(\w+);/g, (all, name) => ENTITIES[name] ?? all);
}
