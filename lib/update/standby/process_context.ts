/**
 * The surroundings of a process, as far as a program that takes its place must
 * find them again. Plain data: the journal keeps it.
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

/** Namespaces that a process may be moved to, in the order of entering. */
export const NAMESPACES = ["cgroup", "ipc", "uts", "net", "mnt"] as const;
export type NamespaceKind = (typeof NAMESPACES)[number];

/** Where and as whom a process runs. */
export interface ProcessContext {
  readonly environment: Readonly<Record<string, string>>;
  /** Paths in the process's own mount namespace. */
  readonly cwd: string;
  readonly root: string;
  readonly credentials: Credentials;
  /** Whether root opened the monitor: a VM that is root's has such a one. */
  readonly openedByRoot: boolean;
  readonly confinement: Confinement;
  readonly seccomp: Seccomp;
  /** Of a security module; null where it is cprctl's own. */
  readonly label: string | null;
  readonly umask: number;
  /** Null where we may not see it. */
  readonly personality: number | null;
  /** Of the main thread, which other threads inherit. */
  readonly placement: Placement;
  /** Of the main thread too: class and priority, as ioprio_set takes them. */
  readonly ioPriority: number;
  readonly oomScoreAdj: number;
  readonly limits: LimitTexts;
  readonly cgroups: Cgroups;
  /** "net:[4026531840]" and so on. */
  readonly namespaces: Readonly<Record<NamespaceKind, string>>;
}

/**
 * Reads the surroundings of a process. Its user and its environment are those
 * with which it was identified.
 *
 * @param self the words that start this program
 * @throws {RefusedError} when it has another user by now
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
  // The rights in that text are those of this user.
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

/** Takes the right to trace the process, which a user may not have (Yama). */
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
