/** Whose a namespace is. @module */

import { Fd } from "./fd.ts";
import { check, libc } from "./libc.ts";

/** `_IO(0xb7, 0x1)` */
const NS_GET_USERNS = 0xb701n;

/**
 * The user namespace in which a namespace was made: who is root in there may do
 * there what they like.
 *
 * @throws {OsError} EPERM when it is neither this process's nor below that
 */
export function ownerOf(namespace: Fd): Fd {
  const number = libc().ioctl(namespace.number, NS_GET_USERNS, null);
  return Fd.adopt(check(number, "ioctl", "NS_GET_USERNS"));
}
