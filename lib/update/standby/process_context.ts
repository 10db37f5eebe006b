/**
 * The context of a process that a rollback has to recreate. Plain data, for the
 * order of the standby.
 *
 * @module
 */

import type { Credentials } from "../../../ffi/identity.ts";
import { getIoPriority } from "../../../ffi/io_priority.ts";
import { type Confinement, readStatus } from "../../proc/status.ts";
import { parseEnvironment } from "../../proc/environ.ts";
import { type Cgroups, readCgroups } from "../../proc/cgroup.ts";
import {
  credentialsOf,
  type Identity,
  requireSameUser,
} from "../process/identity.ts";
import { type Placement, readPlacement } from "../../proc/placement.ts";
import { readSecurityLabel } from "../../proc/security_label.ts";
import { readSeccomp, type Seccomp } from "./seccomp.ts";
import { type LimitTexts, parseLimits } from "../../../ffi/limits.ts";
import { readProcText } from "../../proc/file.ts";

/** The namespaces that a process can enter, in the order in which it does. */
export const NAMESPACES = ["cgroup", "ipc", "uts", "net", "mnt"] as const;
export type NamespaceKind = (typeof NAMESPACES)[number];

/** The context of a process. */
export interface ProcessContext {
  readonly environment: Readonly<Record<string, string>>;
  /** Paths in the process's own mount namespace. */
  readonly cwd: string;
  readonly root: string;
  readonly credentials: Credentials;
  /** Whether root opened the monitor's socket, as for a VM of root. */
  readonly openedByRoot: boolean;
  readonly confinement: Confinement;
  readonly seccomp: Seccomp;
  /** Of a security module; null if it is the same as cprctl's. */
  readonly label: string | null;
  readonly umask: number;
  /** Null if cprctl may not read it. */
  readonly personality: number | null;
  /** Of the main thread, which other threads inherit. */
  readonly placement: Placement;
  /** Of the main thread: class and priority, as for ioprio_set(2). */
  readonly ioPriority: number;
  readonly oomScoreAdj: number;
  readonly limits: LimitTexts;
  readonly cgroups: Cgroups;
  /** Such as "net:[4026531840]". */
  readonly namespaces: Readonly<Record<NamespaceKind, string>>;
}

/**
 * Reads the context of a process. User and environment are taken from its
 * identity.
 *
 * @param self the command that starts cprctl itself
 * @throws {RefusedError} when the process has another user now
 */
export async function readContext(
  identity: Identity,
  self: readonly string[],
): Promise<ProcessContext> {
  const { pid, credentials, openedByRoot } = identity;
  const [cwd, root, status, oom, cgroups, limits] = await Promise.all([
    Deno.readLink(`/proc/${pid}/cwd`),
    Deno.readLink(`/proc/${pid}/root`),
    readStatus(pid),
    readProcText(pid, "oom_score_adj"),
    readCgroups(pid),
    readProcText(pid, "limits"),
  ]);
  // The capabilities in `status` have to be those of the same user.
  requireSameUser(identity, credentialsOf(status, pid));
  return {
    environment: parseEnvironment(identity.environment),
    cwd,
    root,
    credentials,
    openedByRoot,
    confinement: status.confinement,
    seccomp: await readSeccomp(pid, self),
    label: await readOtherLabel(pid),
    umask: status.umask,
    personality: await readPersonality(pid),
    placement: readPlacement(pid),
    ioPriority: getIoPriority(pid),
    oomScoreAdj: Number(oom),
    limits: parseLimits(limits),
    cgroups,
    namespaces: await readNamespaces(pid),
  };
}

async function readOtherLabel(pid: number): Promise<string | null> {
  const label = await readSecurityLabel(pid);
  return label === await readSecurityLabel("self") ? null : label ?? null;
}

/** Needs the right to trace the process, which Yama may deny. */
async function readPersonality(pid: number): Promise<number | null> {
  try {
    return parseInt(await readProcText(pid, "personality"), 16);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return null;
    throw error;
  }
}

async function readNamespaces(
  pid: number,
): Promise<ProcessContext["namespaces"]> {
  const [cgroup, ipc, uts, net, mnt] = await Promise.all(
    NAMESPACES.map((kind) => Deno.readLink(`/proc/${pid}/ns/${kind}`)),
  );
  return {
    cgroup: cgroup ?? "",
    ipc: ipc ?? "",
    uts: uts ?? "",
    net: net ?? "",
    mnt: mnt ?? "",
  };
}
