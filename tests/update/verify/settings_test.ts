import { assertEquals } from "@std/assert";
import type { Json, JsonObject } from "../../../lib/qmp/mod.ts";
import {
  comparedOfDrive,
  comparedOfNode,
} from "../../../lib/update/verify/settings.ts";
import { flatten } from "../../../lib/update/verify/view.ts";

/** As QEMU 11.1 tells it, less what does not matter here. */
const NODE: JsonObject = {
  "node-name": "disk0",
  "drv": "qcow2",
  "file": "/a.qcow2",
  "ro": false,
  "active": true,
  "write_threshold": 0,
  "cache": { "writeback": true, "direct": false, "no-flush": false },
  "children": [{ "node-name": "file0", "child": "file" }],
  "image": {
    "virtual-size": 1024,
    "actual-size": 196_616,
    "dirty-flag": false,
    "limits": { "request-alignment": 1 },
    "format-specific": { "type": "qcow2", "data": { "corrupt": false } },
  },
  "bps": 0,
  "iops": 0,
};

const DRIVE: JsonObject = {
  "device": "drive0",
  "qdev": "/machine/peripheral/vd0",
  "locked": false,
  "tray_open": false,
  "io-status": "ok",
  "inserted": NODE,
};

const bitmap = (name: string, count: number): Json => ({
  name,
  count,
  "granularity": 65_536,
  "persistent": true,
  "recording": true,
  "busy": count > 0,
});

const OF_GUEST: readonly [what: string, node: JsonObject][] = [
  ["writes, and the image grows", {
    "image": { "virtual-size": 2048, "actual-size": 1 << 20 },
  }],
  ["writes, and bitmaps count", { "dirty-bitmaps": [] }],
  ["negotiates caching", {
    "cache": { "writeback": false, "direct": false, "no-flush": false },
  }],
  ["crosses a write threshold", { "write_threshold": 4096 }],
];

for (const [what, change] of OF_GUEST) {
  Deno.test(`a guest that ${what} changes no block node`, () => {
    assertEquals(
      flatten(comparedOfNode({ ...NODE, ...change })),
      flatten(comparedOfNode(NODE)),
    );
  });
}

for (const member of ["locked", "tray_open"]) {
  Deno.test(`a guest that changes "${member}" changes no drive`, () => {
    assertEquals(
      flatten(comparedOfDrive({ ...DRIVE, [member]: true })),
      flatten(comparedOfDrive(DRIVE)),
    );
  });
}

Deno.test("the count and use of a bitmap are not compared", () => {
  const of = (count: number) =>
    flatten(comparedOfNode({
      ...NODE,
      "dirty-bitmaps": [bitmap("b", count), bitmap("", count)],
    }));
  assertEquals(of(0), of(65_536));
  assertEquals(of(0).get("dirty-bitmaps[b].granularity"), "65536");
});

const OF_ADMINISTRATOR: readonly [JsonObject, path: string, was: string][] = [
  [{ "file": "/b.qcow2" }, "file", '"/a.qcow2"'],
  [{ "ro": true }, "ro", "false"],
  [{ "cache": { "direct": true } }, "cache.direct", "false"],
  [
    { "children": [{ "node-name": "x", "child": "file" }] },
    "children[file].node-name",
    '"file0"',
  ],
];

for (const [change, path, was] of OF_ADMINISTRATOR) {
  Deno.test(`a change by an administrator is named: ${path}`, () => {
    const before = flatten(comparedOfNode(NODE));
    const after = flatten(comparedOfNode({ ...NODE, ...change }));
    assertEquals(before.get(path), was);
    assertEquals(after.get(path) === was, false);
  });
}

Deno.test("a drive's medium, size and limits are compared", () => {
  const fields = flatten(comparedOfDrive(DRIVE));
  assertEquals([...fields.keys()].sort(), [
    "bps",
    "file",
    "iops",
    "medium",
    "node-name",
    "virtual-size",
  ]);
  const { inserted: _, ...empty } = DRIVE;
  assertEquals(flatten(comparedOfDrive(empty)), new Map([["medium", "false"]]));
});
