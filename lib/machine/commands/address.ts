import type { MigrationAddress } from "../../channel/mod.ts";
import {
  CommandFailure,
  isObject,
  type Json,
  type JsonObject,
  list,
  oneOf,
  record,
  text,
  unsigned,
} from "../../qmp/mod.ts";

const file = record({
  transport: text(),
  filename: text(),
  offset: unsigned(),
});
const exec = record({ transport: text(), args: list(text()) });
const rdma = record({ transport: text(), host: text(), port: text() });
const socket = {
  fd: record({ transport: text(), type: text(), str: text() }),
  unix: record({ transport: text(), type: text(), path: text() }),
  inet: record({ transport: text(), type: text(), host: text(), port: text() }),
  vsock: record({ transport: text(), type: text(), cid: text(), port: text() }),
};
const transport = oneOf("file", "exec", "rdma", "socket");
const socketType = oneOf("fd", "unix", "inet", "vsock");

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
  switch (kind) {
    case "file": {
      const { filename, offset } = file.read(value, name);
      return { transport: kind, filename, offset: Number(offset) };
    }
    case "exec":
      return { transport: kind, args: exec.read(value, name).args };
    case "rdma":
      return { ...rdma.read(value, name), transport: kind };
    case "socket":
      return readSocket(value, name);
  }
}

function readSocket(value: JsonObject, name: string): MigrationAddress {
  const type = socketType.read(value["type"] ?? null, `${name}.type`);
  const transport = "socket";
  switch (type) {
    case "fd":
      return { ...socket.fd.read(value, name), transport, type };
    case "unix":
      return { ...socket.unix.read(value, name), transport, type };
    case "inet":
      return { ...socket.inet.read(value, name), transport, type };
    case "vsock":
      return { ...socket.vsock.read(value, name), transport, type };
  }
}
