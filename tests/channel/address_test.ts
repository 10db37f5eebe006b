import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  formatUri,
  type MigrationAddress,
  parseUri,
} from "../../lib/channel/address.ts";
import { ChannelError } from "../../lib/channel/error.ts";

const ADDRESSES: readonly [string, MigrationAddress][] = [
  ["file:/run/a,b", { transport: "file", filename: "/run/a,b", offset: 0 }],
  ["file:/x,offset=4096", { transport: "file", filename: "/x", offset: 4096 }],
  ["fd:mig", { transport: "socket", type: "fd", str: "mig" }],
  ["exec:cat > x", { transport: "exec", args: ["/bin/sh", "-c", "cat > x"] }],
  ["unix:/s", { transport: "socket", type: "unix", path: "/s" }],
  ["tcp:[::1]:44", {
    transport: "socket",
    type: "inet",
    host: "::1",
    port: "44",
  }],
  ["tcp:h:1", { transport: "socket", type: "inet", host: "h", port: "1" }],
  // Any address of this host, as in QEMU.
  ["tcp::1", { transport: "socket", type: "inet", host: "", port: "1" }],
  ["vsock:3:1", { transport: "socket", type: "vsock", cid: "3", port: "1" }],
  ["rdma:h:1", { transport: "rdma", host: "h", port: "1" }],
];

Deno.test("each URI means its address and is written back", () => {
  for (const [uri, address] of ADDRESSES) {
    assertEquals(parseUri(uri), address);
    assertEquals(formatUri(address), uri);
  }
});

Deno.test("offsets may be hexadecimal or carry a unit", () => {
  const offsets: [string, number][] = [["0x1000", 4096], ["4K", 4096], [
    "1m",
    1048576,
  ], ["1G", 2 ** 30]];
  for (const [text, offset] of offsets) {
    const address = { transport: "file", filename: "/x", offset } as const;
    assertEquals(parseUri(`file:/x,offset=${text}`), address);
  }
});

Deno.test("a malformed URI is refused with a remedy", () => {
  const bad = ["", "file", "file:", "bogus:x", "tcp:host", "tcp:h:", "rdma::1"];
  for (const uri of [...bad, "file:/x,offset=zz", "file:/x,offset=-1"]) {
    const error = assertThrows(() => parseUri(uri), ChannelError);
    assertEquals(error.remedy === undefined, false, uri);
  }
});

Deno.test("any path without an offset suffix survives", () => {
  fc.assert(fc.property(fc.string({ minLength: 1 }), (path) => {
    fc.pre(!path.includes(",offset="));
    const address = { transport: "file", filename: path, offset: 0 } as const;
    assertEquals(parseUri(formatUri(address)), address);
  }));
});
