import type { MigrationAddress } from "../../channel/mod.ts";
import {
  CommandFailure,
  isObject,
  type Json,
  list,
  oneOf,
  record,
  text,
  unsigned,
} from "../../qmp/mod.ts";

const ADDRESSES = {
  file: record({
    transport: oneOf("file"),
    filename: text(),
    offset: unsigned(),
  }),
  exec: record({ transport: oneOf("exec"), args: list(text()) }),
  rdma: record({ transport: oneOf("rdma"), host: text(), port: text() }),
};
const SOCKETS = {
  fd: record({ ...socket("fd"), str: text() }),
  unix: record({ ...socket("unix"), path: text() }),
  inet: record({ ...socket("inet"), host: text(), port: text() }),
  vsock: record({ ...socket("vsock"), cid: text(), port: text() }),
};
const transport = oneOf("file", "exec", "rdma", "socket");
const socketType = oneOf("fd", "unix", "inet", "vsock");

function socket<const Type extends string>(type: Type) {
  return { transport: oneOf("socket"), type: oneOf(type) };
}

/**
 * Parses QMP's MigrationAddress.
 *
 * @param name of the argument, for the message
 * @throws {CommandFailure}
 */
export function readAddress(value: Json, name: string): MigrationAddress {
  if (!isObject(value)) {
    throw new CommandFailure(
      `Invalid parameter type for '${name}', expected: object`,
    );
  }
  const kind = transport.read(value["transport"] ?? null, `${name}.transport`);
  if (kind === "socket") {
    const type = socketType.read(value["type"] ?? null, `${name}.type`);
    return SOCKETS[type].read(value, name);
  }
  if (kind !== "file") return ADDRESSES[kind].read(value, name);
  const { offset, ...file } = ADDRESSES.file.read(value, name);
  return { ...file, offset: Number(offset) };
}
