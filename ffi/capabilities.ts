/**
 * Capability sets of the calling thread, one bit for each capability.
 *
 * ```
 * struct __user_cap_header_struct      struct __user_cap_data_struct [2]
 *   0 u32 version   4 i32 pid            0 u32 effective  4 u32 permitted
 *                                        8 u32 inheritable; then bits 32 to 63
 * ```
 *
 * @module
 */

import { call } from "./libc.ts";

const VERSION_3 = 0x20080522;
const HEADER_SIZE = 8;
const DATA_SIZE = 12;
const LOW = 0xffff_ffffn;
const HIGH_SHIFT = 32n;

const PR_SET_KEEPCAPS = 8;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const AMBIENT_RAISE = 2n;
const AMBIENT_CLEAR_ALL = 4n;

/** May change the bounding set. */
export const CAP_SETPCAP = 8;

/** The sets that a thread can set for itself. */
export interface ThreadCapabilities {
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
}

/** The numbers of the capabilities in a set. */
export function capabilitiesIn(set: bigint): number[] {
  return [...set.toString(2)].reverse()
    .flatMap((bit, number) => bit === "1" ? [number] : []);
}

/** @throws {OsError} EPERM for more than the thread is permitted. */
export function setCapabilities(wanted: ThreadCapabilities): void {
  const header = new DataView(new ArrayBuffer(HEADER_SIZE));
  header.setUint32(0, VERSION_3, true);
  const data = new DataView(new ArrayBuffer(2 * DATA_SIZE));
  const { effective, permitted, inheritable } = wanted;
  for (const [at, set] of [effective, permitted, inheritable].entries()) {
    data.setUint32(4 * at, Number(set & LOW), true);
    data.setUint32(DATA_SIZE + 4 * at, Number(set >> HIGH_SHIFT), true);
  }
  call("capset", [header, data]);
}

/**
 * Drops capabilities that no later program can gain.
 *
 * @throws {OsError} EPERM without CAP_SETPCAP.
 */
export function dropFromBoundingSet(set: bigint): void {
  for (const number of capabilitiesIn(set)) {
    prctl(PR_CAPBSET_DROP, BigInt(number));
  }
}

/**
 * Sets the capabilities that an ordinary program has after an exec.
 *
 * @throws {OsError} EPERM for any that is not both permitted and inheritable.
 */
export function setAmbientSet(set: bigint): void {
  prctl(PR_CAP_AMBIENT, AMBIENT_CLEAR_ALL);
  for (const number of capabilitiesIn(set)) {
    prctl(PR_CAP_AMBIENT, AMBIENT_RAISE, BigInt(number));
  }
}

/** Keeps the permitted set when the user changes, until the next exec. */
export function keepCapabilities(): void {
  prctl(PR_SET_KEEPCAPS, 1n);
}

/** Sets no_new_privs: no program that is executed can gain privileges. */
export function forbidNewPrivileges(): void {
  prctl(PR_SET_NO_NEW_PRIVS, 1n);
}

function prctl(operation: number, first: bigint, second = 0n): void {
  call("prctl", [operation, first, second, 0n, 0n], operation);
}
