/** The owner of a namespace. @module */

import { Fd } from "./fd.ts";
import { check, libc } from "./libc.ts";

/** `_IO(0xb7, 0x1)` */
const NS_GET_USERNS = 0xb701n;

/**
 * The user namespace that owns a namespace: its root has all rights in it.
 *
 * @throws {OsError} EPERM when it is neither this process's nor a descendant
 */
export function ownerOf(namespace: Fd): Fd {
  const number = libc().ioctl(namespace.number, NS_GET_USERNS, null);
  return Fd.adopt(check(number, "ioctl", "NS_GET_USERNS"));
}
