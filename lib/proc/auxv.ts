/**
 * /proc/PID/auxv: what the kernel passes to a program's loader (getauxval(3)), as
 * pairs of type and value, 64 bits each in the host's byte order.
 *
 * @module
 */

import { readWhole } from "../bounded_file.ts";

/** Who executed the program, and with whose rights. */
const AT = { uid: 11n, euid: 12n, gid: 13n, egid: 14n } as const;
const MAXIMUM_AUXV = 16 * 1024;
const PAIR = 16;

/** The values by type. */
export function parseAuxv(bytes: Uint8Array): Map<bigint, bigint> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Map<bigint, bigint>();
  for (let at = 0; at + PAIR <= bytes.length; at += PAIR) {
    values.set(view.getBigUint64(at, true), view.getBigUint64(at + 8, true));
  }
  return values;
}

/**
 * Whether a process runs a set-user-ID or set-group-ID program that changed its
 * user or group: the kernel passes both the real and the effective ids to the
 * loader. AT_SECURE does not tell: it is also set when the exec changes a security
 * label.
 */
export async function hasSetIds(pid: number): Promise<boolean> {
  const values = parseAuxv(await readWhole(`/proc/${pid}/auxv`, MAXIMUM_AUXV));
  return values.get(AT.uid) !== values.get(AT.euid) ||
    values.get(AT.gid) !== values.get(AT.egid);
}
