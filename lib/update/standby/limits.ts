import { type Resource, RLIM_INFINITY } from "../../../ffi/limits.ts";

/** As the kernel names them in /proc/PID/limits. */
const NAMES: Readonly<Record<string, Resource>> = {
  "Max cpu time": "CPU",
  "Max file size": "FSIZE",
  "Max data size": "DATA",
  "Max stack size": "STACK",
  "Max core file size": "CORE",
  "Max resident set": "RSS",
  "Max processes": "NPROC",
  "Max open files": "NOFILE",
  "Max locked memory": "MEMLOCK",
  "Max address space": "AS",
  "Max file locks": "LOCKS",
  "Max pending signals": "SIGPENDING",
  "Max msgqueue size": "MSGQUEUE",
  "Max nice priority": "NICE",
  "Max realtime priority": "RTPRIO",
  "Max realtime timeout": "RTTIME",
};

const ROW = /^(Max [a-z ]*[a-z]) +(\d+|unlimited) +(\d+|unlimited) /;

/** Soft and hard limit as decimal strings: they have 64 bits. */
export type Limits = Readonly<Partial<Record<Resource, [string, string]>>>;

/**
 * Reads /proc/PID/limits, which anybody may: to ask for the limits of a
 * process of another user (prlimit) takes more than root has in a container.
 */
export function parseLimits(text: string): Limits {
  const limits: Partial<Record<Resource, [string, string]>> = {};
  for (const row of text.split("\n")) {
    const [, name = "", soft = "", hard = ""] = ROW.exec(row) ?? [];
    const resource = NAMES[name];
    if (resource !== undefined) limits[resource] = [number(soft), number(hard)];
  }
  return limits;
}

function number(limit: string): string {
  return limit === "unlimited" ? `${RLIM_INFINITY}` : limit;
}
