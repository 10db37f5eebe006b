import type {
  Peer,
  QemuVersion,
  QmpAddress,
  QmpClient,
} from "../../qmp/mod.ts";
import type { OptionTable } from "../../cmdline/mod.ts";
import { queryName, queryStatus } from "../../qmp/queries.ts";
import { RefusedError } from "../error.ts";
import { identify, type Identity } from "../process/identity.ts";
import type { Executable } from "../../proc/executable.ts";
import { readOwner } from "../../proc/processes.ts";
import { successorOf } from "../process/successor.ts";
import { readService, type Service } from "../process/service.ts";
import { readThreads, type ThreadRecord } from "../process/threads.ts";
import { type RamFile, readDeviceMemory, readRamFiles } from "./ram.ts";
import { hasActiveImages } from "./images.ts";
import { asObject, ifKnown, nameText, text } from "./reply.ts";
import { findTpmPage, type TpmPage } from "./tpm_page.ts";

/** The name of a VM's program in reports. */
export type ProgramName = "QEMU" | "cprctl";

/** A VM's program; null for what is not known. */
export interface Program {
  readonly program: string;
  readonly version: string | null;
  readonly package: string | null;
  /** Path of its executable. */
  readonly exe: string | null;
}

/** What identifies a VM to its operator. */
export interface VmNames {
  readonly name: string | null;
  readonly uuid: string | null;
  /** Path of its monitor. */
  readonly qmp: string | null;
  readonly machine: string | null;
}

/** A VM and its state before an update. Plain data, for the journal. */
export interface VmRecord {
  readonly address: QmpAddress;
  readonly pid: number;
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Together with the pid, identifies the process. */
  readonly startTime: string;
  /** Changes with an exec, and with nothing else. */
  readonly image: string;
  readonly executable: Executable;
  readonly program: ProgramName;
  readonly version: QemuVersion;
  readonly name: string | undefined;
  readonly uuid: string | undefined;
  /** Versioned machine type, such as "pc-q35-11.1". */
  readonly machine: string | undefined;
  /** Run state before the update. */
  readonly runState: string;
  readonly running: boolean;
  /** Whether its images are active: not after it was migrated away. */
  readonly imagesActive: boolean;
  /** Scheduling, affinity and control groups of its threads. */
  readonly threads: readonly ThreadRecord[];
  /** Undefined if the VM is no service of systemd. */
  readonly service: Service | undefined;
  /** Undefined if it has no TPM. */
  readonly tpmPage: TpmPage | undefined;
}

/** What is found out about a VM before anything is touched. */
export interface Facts extends VmRecord {
  readonly identity: Identity;
  readonly argv: readonly string[];
  /** The options that its program knows; default: QEMU's own. */
  readonly options?: OptionTable | undefined;
  /** Path of the program that the VM would be started with now. */
  readonly successor: string;
  /** RAMBlocks in named shared files: the destination opens them by name. */
  readonly ramFiles: ReadonlyMap<string, RamFile>;
  /** Memory backends of virtio-mem devices. */
  readonly deviceMemory: ReadonlySet<string>;
  /** The GUID of the vmgenid device; undefined without one. */
  readonly generationId: string | undefined;
}

/** The part of the facts that the journal keeps. */
export function recordOf(facts: Facts): VmRecord {
  const {
    identity: _identity,
    argv: _argv,
    options: _options,
    successor: _successor,
    ramFiles: _files,
    deviceMemory: _memory,
    generationId: _generation,
    ...record
  } = facts;
  return record;
}

/** QEMU's default if none was given. */
const NO_UUID = "00000000-0000-0000-0000-000000000000";

/**
 * Gathers the facts from the monitor and /proc.
 *
 * @throws {RefusedError} when the monitor's process is unknown, or may not be
 * examined
 */
export async function gatherFacts(client: QmpClient): Promise<Facts> {
  const { peer } = client;
  if (peer === null) {
    throw new RefusedError(
      "no-peer",
      "Cannot find the process that listens at the monitor: not a unix socket",
      { remedy: "Give the VM a monitor on a unix socket" },
    );
  }
  const identity = await identifyPeer(peer);
  const { pid, startTime, image, executable, argv } = identity;
  const { uid, gid } = identity.credentials;
  const { status, running } = await queryStatus(client);
  const { name } = await queryName(client);
  const uuid = nameText(asObject(await client.execute("query-uuid"))["UUID"]);
  return {
    address: absolute(client.address),
    ...{ identity, pid, startTime, image, executable, argv },
    successor: (await successorOf(pid, argv, executable)).path,
    owner: { uid, gid },
    program: client.version.package.startsWith("cprctl") ? "cprctl" : "QEMU",
    version: client.version,
    name,
    uuid: uuid === NO_UUID ? undefined : uuid,
    machine: await machineType(client),
    ramFiles: await readRamFiles(client, pid),
    deviceMemory: await readDeviceMemory(client),
    tpmPage: await findTpmPage(client),
    generationId: await generationId(client),
    ...{ runState: status, running },
    imagesActive: await hasActiveImages(client),
    threads: await readThreads(client, pid),
    service: await readService(pid),
  };
}

/** An address that does not depend on the working directory. */
function absolute(address: QmpAddress): QmpAddress {
  if (!("path" in address) || address.path.startsWith("/")) return address;
  return { path: `${Deno.cwd()}/${address.path}` };
}

/** Identifies the process that listens at a monitor. */
async function identifyPeer(peer: Peer): Promise<Identity> {
  try {
    return await identify(peer);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.PermissionDenied)) throw cause;
    const owner = await readOwner(peer.pid);
    throw new RefusedError(
      "not-permitted",
      `User ${Deno.uid()} may not examine process ${peer.pid}, which belongs ` +
        `to user ${owner.uid}`,
      { remedy: "Run cprctl as root, or as the user of the VM", cause },
    );
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Undefined if the VM has no vmgenid device. */
async function generationId(client: QmpClient): Promise<string | undefined> {
  const reply = await ifKnown(client.execute("query-vm-generation-id"));
  const id = text(asObject(reply)["guid"]) ?? "";
  return UUID.test(id) ? id : undefined;
}

/** The class of the machine object, less its suffix. */
async function machineType(client: QmpClient): Promise<string | undefined> {
  const path = "/machine";
  const type = client.execute("qom-get", { path, property: "type" });
  return nameText(await ifKnown(type))?.replace(/-machine$/, "");
}

/** A version such as "10.2.0". */
export function versionText(version: QemuVersion): string {
  return `${version.major}.${version.minor}.${version.micro}`;
}

/** Whether this version of QEMU supports cpr-exec: 10.2 and later do. */
export function knowsCprExec(
  { major, minor }: Pick<QemuVersion, "major" | "minor">,
): boolean {
  return major > 10 || (major === 10 && minor >= 2);
}

/** The VM as it is named in the report. */
export function vmOf(facts: VmRecord): VmNames {
  return {
    name: facts.name ?? null,
    uuid: facts.uuid ?? null,
    qmp: "path" in facts.address
      ? facts.address.path
      : `${facts.address.host}:${facts.address.port}`,
    machine: facts.machine ?? null,
  };
}

/** The program as it is named in the report. */
export function programOf(
  program: ProgramName,
  version: QemuVersion,
  exe: string,
): Program {
  return {
    program,
    version: versionText(version),
    package: version.package === "" ? null : version.package,
    exe,
  };
}
