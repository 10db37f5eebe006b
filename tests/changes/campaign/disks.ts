/** Block nodes, images, media, limits and jobs. */

import { isObject, type JsonObject } from "../../../lib/qmp/mod.ts";
import type { Change, ChangedVm, Refusal } from "./changed_vm.ts";

const SIZE = 4 << 20;

/** A block node, a new one or an unused one. */
export async function node(it: ChangedVm): Promise<string> {
  const unused = it.unused("node");
  if (unused.length > 0 && it.chance(0.5)) return it.random.one(unused).id;
  const id = it.name("node");
  const given = it.random.one(NODES);
  return await it.make("node", id, "blockdev-add", {
    ...await given(it),
    "node-name": id,
    ...it.chance(0.2) ? { "detect-zeroes": "on" } : {},
    ...it.chance(0.2) ? { cache: { "no-flush": true } } : {},
  });
}

const NODES: readonly ((it: ChangedVm) => Promise<JsonObject> | JsonObject)[] =
  [
    () => ({ driver: "null-co", size: SIZE, "read-zeroes": true }),
    async (it) => ({
      driver: "raw",
      file: { driver: "file", filename: await it.image("raw") },
    }),
    async (it) => ({
      driver: "qcow2",
      ...it.chance(0.5) ? { discard: "unmap" } : {},
      file: { driver: "file", filename: await it.image("qcow2") },
    }),
    async (it) => {
      const id = it.name("file");
      await it.make("node", id, "blockdev-add", {
        ...{ driver: "file", filename: await it.image("qcow2") },
        "node-name": id,
      });
      const overlay = { driver: "qcow2", file: id };
      // What is below another node is not used by anything else.
      it.forget(id);
      return overlay;
    },
  ];

/** The qdev path of a disk's own device, as block commands want it. */
const qdevOf = (id: string) =>
  /^vd[ab]$/.test(id) ? `/machine/peripheral/${id}/virtio-backend` : id;

async function drives(it: ChangedVm): Promise<JsonObject[]> {
  const list = await it.vm.command("query-block");
  return (Array.isArray(list) ? list : []).filter(isObject);
}

/** What is inserted in a disk of the command line. */
async function inserted(it: ChangedVm, id: string): Promise<JsonObject> {
  const drive = (await drives(it)).find(({ qdev }) => qdev === qdevOf(id));
  const medium = drive?.["inserted"];
  return isObject(medium) ? medium : {};
}

const top = async (it: ChangedVm, id: string) =>
  String((await inserted(it, id))["node-name"] ?? "");

async function noJob(it: ChangedVm): Promise<void> {
  await it.until("no job is there", async () => {
    const jobs = await it.vm.command("query-jobs");
    return Array.isArray(jobs) && jobs.length === 0;
  });
}

async function ready(it: ChangedVm, id: string): Promise<void> {
  await it.until("the job is ready", async () => {
    const jobs = await it.vm.command("query-jobs");
    const job = (Array.isArray(jobs) ? jobs : []).filter(isObject)
      .find((job) => job["id"] === id);
    return job === undefined || job["status"] === "ready";
  });
}

/** Has a job put its image in the place of another one. */
async function pivot(
  it: ChangedVm,
  command: string,
  given: JsonObject,
): Promise<void> {
  const id = it.name("job");
  await it.run(command, { "job-id": id, ...given });
  await ready(it, id);
  await it.run("job-complete", { id });
  await noJob(it);
}

function limits(it: ChangedVm): JsonObject {
  const value = 1000 + it.random.below(1_000_000);
  const none = {
    ...{ bps: 0, bps_rd: 0, bps_wr: 0 },
    ...{ iops: 0, iops_rd: 0, iops_wr: 0 },
  };
  return {
    ...none,
    ...it.random.one<JsonObject>([
      {},
      { bps: value },
      { bps: value, bps_max: 2 * value },
      { iops_rd: value, iops_rd_max: 2 * value, iops_rd_max_length: 3 },
      { iops: value, iops_size: 4096, bps_wr: value },
    ]),
    ...it.chance(0.2) ? { group: it.random.one(["g1", "g2"]) } : {},
  };
}

/** Those that an update carries over. */
export const DISKS: readonly Change[] = [
  { name: "blockdev-add", apply: async (it) => void await node(it) },
  {
    name: "blockdev-del",
    apply: async (it) => {
      const id = it.one("node");
      await it.run("blockdev-del", { "node-name": id });
      it.forget(id);
    },
  },
  {
    name: "blockdev-snapshot-sync of a -drive",
    apply: async (it) =>
      void await it.run("blockdev-snapshot-sync", {
        device: "drive",
        "snapshot-file": it.path(".qcow2"),
      }),
  },
  {
    name: "blockdev-snapshot-sync of a -blockdev",
    apply: async (it) =>
      void await it.run("blockdev-snapshot-sync", {
        "node-name": await top(it, "vdb"),
        "snapshot-file": it.path(".qcow2"),
        "snapshot-node-name": it.name("over"),
      }),
  },
  {
    name: "blockdev-snapshot",
    apply: async (it) => {
      const overlay = it.name("over");
      await it.run("blockdev-add", {
        ...{ driver: "qcow2", "node-name": overlay, backing: null },
        file: { driver: "file", filename: await it.image("qcow2") },
      });
      const node = await top(it, "vdb");
      await it.run("blockdev-snapshot", { node, overlay });
    },
  },
  {
    name: "block-commit",
    apply: async (it) => {
      const id = it.random.one(["vda", "vdb"]);
      const medium = await inserted(it, id);
      if (medium["backing_file_depth"] === 0) it.oneOf([]);
      await pivot(it, "block-commit", { device: await top(it, id) });
    },
  },
  {
    name: "drive-mirror",
    apply: (it) =>
      pivot(it, "drive-mirror", {
        ...{ device: "drive", target: it.path(".qcow2") },
        ...{ format: "qcow2", sync: "full" },
      }),
  },
  {
    name: "blockdev-mirror",
    apply: async (it) => {
      const target = it.name("mirror");
      await it.run("blockdev-add", {
        ...{ driver: "qcow2", "node-name": target },
        file: { driver: "file", filename: await it.image("qcow2") },
      });
      const device = await top(it, "vdb");
      await pivot(it, "blockdev-mirror", { device, target, sync: "full" });
    },
  },
  {
    name: "blockdev-change-medium",
    apply: async (it) =>
      void await it.run("blockdev-change-medium", {
        id: it.random.one(["cd1", "cd2"]),
        ...{ filename: await it.image("raw"), format: "raw" },
      }),
  },
  {
    name: "eject",
    apply: async (it) =>
      void await it.run("eject", {
        id: it.random.one(["cd1", "cd2"]),
        force: true,
      }),
  },
  {
    name: "blockdev-open-tray, blockdev-insert-medium",
    apply: async (it) => {
      const id = it.random.one(["cd1", "cd2"]);
      await it.run("blockdev-open-tray", { id, force: true });
      await it.run("blockdev-remove-medium", { id });
      if (it.chance(0.7)) {
        const medium = it.name("disc");
        await it.run("blockdev-add", {
          ...{ driver: "raw", "node-name": medium, "read-only": true },
          file: { driver: "file", filename: await it.image("raw") },
        });
        await it.run("blockdev-insert-medium", { id, "node-name": medium });
      }
      if (it.chance(0.5)) await it.run("blockdev-close-tray", { id });
    },
  },
  {
    name: "block_set_io_throttle",
    apply: async (it) => {
      const { id } = it.oneOf(it.all("disk"));
      const qdevs = (await drives(it)).map(({ qdev }) => String(qdev));
      const qdev = qdevs.find((path) =>
        path === id || path.startsWith(`/machine/peripheral/${id}/`)
      );
      await it.run("block_set_io_throttle", {
        id: qdev ?? id,
        ...limits(it),
      });
    },
  },
  {
    name: "block-set-write-threshold",
    apply: async (it) =>
      void await it.run("block-set-write-threshold", {
        "node-name": await top(it, "vdb"),
        "write-threshold": it.random.below(1 << 20),
      }),
  },
  {
    name: "blockdev-reopen",
    apply: async (it) => {
      const id = it.one("node");
      const list = await it.vm.command("query-named-block-nodes", {
        flat: true,
      });
      const found = (Array.isArray(list) ? list : []).filter(isObject)
        .find((node) => node["node-name"] === id);
      if (found?.["drv"] !== "null-co") it.oneOf([]);
      await it.run("blockdev-reopen", {
        options: [{
          ...{ driver: "null-co", "node-name": id },
          ...{ size: SIZE, "read-zeroes": true },
          "detect-zeroes": it.random.one(["on", "off"]),
          cache: { "no-flush": it.chance(0.5) },
        }],
      });
    },
  },
  {
    name: "block-dirty-bitmap-add, persistent",
    apply: async (it) =>
      void await it.run("block-dirty-bitmap-add", {
        ...{ node: await top(it, "vdb"), name: it.name("bitmap") },
        persistent: true,
      }),
  },
];

/**
 * Persistent bitmaps of nodes that no device uses any more: QEMU 11.1.2 loses
 * them, and the update is refused.
 */
export async function bitmapsLost(it: ChangedVm): Promise<Refusal | undefined> {
  const list = await it.vm.command("query-named-block-nodes", { flat: true });
  const nodes = (Array.isArray(list) ? list : []).filter(isObject);
  const used = new Set(
    (await drives(it)).map(({ inserted }) =>
      isObject(inserted) ? inserted["node-name"] : undefined
    ),
  );
  for (const name of used) {
    const children = nodes.find((it) => it["node-name"] === name)?.["children"];
    for (const child of Array.isArray(children) ? children : []) {
      if (isObject(child)) used.add(child["node-name"]);
    }
  }
  const lost = nodes.filter((it) => !used.has(it["node-name"]))
    .flatMap(({ "node-name": node = "", "dirty-bitmaps": bitmaps }) =>
      (Array.isArray(bitmaps) ? bitmaps : []).filter(isObject)
        .filter(({ persistent }) => persistent === true)
        .map(({ name = "" }) => ({ node, name }))
    );
  if (lost.length === 0) return undefined;
  const undo = async () => {
    for (const bitmap of lost) {
      await it.run("block-dirty-bitmap-remove", bitmap);
    }
  };
  return { check: "dirty-bitmaps", undo };
}

/** Those that are refused by name. */
export const REFUSED_DISKS: readonly Change[] = [
  {
    name: "a job that waits",
    apply: async (it) => {
      const id = it.name("job");
      await it.run("drive-mirror", {
        ...{ "job-id": id, device: "drive", target: it.path(".qcow2") },
        ...{ format: "qcow2", sync: "full" },
      });
      await ready(it, id);
      const undo = async () => {
        await it.run("block-job-cancel", { device: id, force: true });
        await noJob(it);
      };
      return { check: "block-jobs", undo };
    },
  },
  {
    name: "an NBD export",
    apply: async (it) => {
      const path = `${it.images}/${it.name("nbd")}`;
      await it.run("nbd-server-start", {
        addr: { type: "unix", data: { path } },
      });
      const id = it.name("export");
      const name = await top(it, "vdb");
      await it.run("block-export-add", {
        ...{ type: "nbd", id, "node-name": name },
      });
      const undo = async () => {
        await it.run("block-export-del", { id });
        await it.run("nbd-server-stop");
      };
      return { check: "block-exports", undo };
    },
  },
  {
    name: "block-dirty-bitmap-add, in memory",
    apply: async (it) => {
      const unused = it.unused("node");
      const node = unused.length > 0 && it.chance(0.5)
        ? it.random.one(unused).id
        : await top(it, it.random.one(["vda", "vdb"]));
      const name = it.name("bitmap");
      await it.run("block-dirty-bitmap-add", { node, name });
      const undo = async () =>
        void await it.run("block-dirty-bitmap-remove", { node, name });
      return { check: "dirty-bitmaps", undo };
    },
  },
  {
    name: "blockdev-add throttle",
    apply: async (it) => {
      const id = it.name("filter");
      const { id: group } = it.oneOf(it.all("throttle-group"));
      const file = { driver: "null-co", size: SIZE, "read-zeroes": true };
      await it.run("blockdev-add", {
        driver: "throttle",
        "node-name": id,
        "throttle-group": group,
        file,
      });
      const undo = async () =>
        void await it.run("blockdev-del", { "node-name": id });
      return { check: "block-nodes", undo };
    },
  },
];
