import { UsageError } from "../../errors.ts";
import type { QmpAddress } from "../../qmp/mod.ts";

const MAX_PORT = 65_535;

/**
 * Parses the address of a monitor: a socket path, HOST:PORT, or either with
 * QEMU's prefix "unix:" or "tcp:".
 *
 * @throws {UsageError} if it is neither
 */
export function parseQmpAddress(text: string): QmpAddress {
  const [, scheme, rest = ""] = /^(?:(unix|tcp):)?(.*)$/s.exec(text) ?? [];
  const tcp = /^(?:\[([^\]]+)\]|([^:/]+)):(\d{1,5})$/.exec(rest);
  if (scheme === "unix" || (scheme === undefined && tcp === null)) {
    if (rest === "") throw neither();
    return { path: rest };
  }
  const port = Number(tcp?.[3]);
  if (tcp === null || port < 1 || port > MAX_PORT) throw neither();
  return { host: tcp[1] ?? tcp[2] ?? "", port };
}

function neither(): UsageError {
  return new UsageError("Expected a socket path or HOST:PORT");
}
