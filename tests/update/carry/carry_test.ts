import { assertEquals } from "@std/assert";
import {
  type Executor,
  type Json,
  type JsonObject,
  QmpCommandError,
} from "../../../lib/qmp/mod.ts";
import { carryOver } from "../../../lib/update/carry/carry.ts";
import { sendCommands } from "../../../lib/update/carry/send.ts";
import type { LiveProcess } from "../../../lib/update/command/draft.ts";
import { UpdateProblem } from "../../../lib/update/error.ts";
import { OWN_SET } from "../../../lib/update/vm/left_open.ts";
import { NOTHING_LIVE } from "../command/vm.ts";

const PROGRAM = "/usr/bin/qemu-system-x86_64";

type Answer = Json | ((args: JsonObject) => Json | undefined);

/** A monitor that refuses what it has no answer for. */
function monitor(answers: Readonly<Record<string, Answer>>): Executor {
  return {
    execute: (command, args = {}) => {
      const answer = answers[command];
      const reply = typeof answer === "function" ? answer(args) : answer;
      return reply === undefined
        ? Promise.reject(
          new QmpCommandError(command, "GenericError", "no"),
        )
        : Promise.resolve(reply);
    },
  };
}

/** What is known of a VM by QOM path. */
type Objects = Readonly<Record<string, JsonObject>>;

/** A VM with these objects; a child is a path below another. */
function vm(objects: Objects, more: Readonly<Record<string, Answer>> = {}) {
  const all: Objects = { "/objects": {}, "/machine": {}, ...objects };
  return monitor({
    "query-chardev": [],
    "query-named-block-nodes": [],
    "query-block": [],
    "query-fdsets": [],
    "human-monitor-command": "",
    "qom-list": ({ path }) =>
      Object.entries(all).flatMap(([child, { type }]) => {
        const end = child.lastIndexOf("/");
        return child.slice(0, end) === path
          ? [{ name: child.slice(end + 1), type: `child<${type}>` }]
          : [];
      }),
    "qom-get": ({ path, property }) => all[String(path)]?.[String(property)],
    "device-list-properties": [],
    ...more,
  });
}

async function carried(client: Executor, ...words: string[]) {
  return await carriedBy(NOTHING_LIVE, client, ...words);
}

async function carriedBy(
  live: LiveProcess,
  client: Executor,
  ...words: string[]
) {
  const vm = { argv: [PROGRAM, ...words], program: "QEMU" } as const;
  const result = await carryOver(client, vm, live);
  return { ...result, words: result.argv.slice(1) };
}

function disk(id: string, more: JsonObject = {}): Objects {
  return {
    [`/machine/peripheral/${id}`]: {
      type: "virtio-blk-pci",
      hotplugged: true,
      parent_bus: "/machine/peripheral/root/root",
      addr: 0x11,
      ...more,
    },
  };
}

const PROPERTIES: Json = [
  { name: "addr", type: "str", "default-value": -1 },
  { name: "serial", type: "str" },
  { name: "drive", type: "str" },
  { name: "bootindex", type: "int32" },
  { name: "size", type: "uint64" },
  { name: "queue-size", type: "uint16", "default-value": 256 },
  { name: "iothread", type: "link<iothread>" },
  { name: "virtio-backend", type: "child<virtio-blk-device>" },
];

Deno.test("nothing was changed", async () => {
  const { words, changes, commands } = await carried(vm({}), "-m", "1G");
  assertEquals([words, changes, commands], [["-m", "1G"], [], []]);
});

Deno.test("a device is described by what differs from the defaults of its type", async () => {
  const client = vm(
    disk("late", {
      ...{ serial: `,"x"=1`, bootindex: -1, size: 7, "queue-size": 128 },
      ...{ iothread: "/machine/unattached/io", "virtio-backend": "/x" },
    }),
    { "device-list-properties": PROPERTIES },
  );
  const { words, devices } = await carried(client);
  assertEquals(words[0], "-device");
  assertEquals(JSON.parse(words[1] ?? ""), {
    ...{ driver: "virtio-blk-pci", id: "late", bus: "root", addr: "2.1" },
    ...{ serial: `,"x"=1`, "queue-size": 128 },
  });
  assertEquals([...devices], ["/machine/peripheral/late"]);
});

Deno.test("the owner of a bus comes before the device on it", async () => {
  const client = vm({
    ...disk("a", { parent_bus: "/machine/peripheral/b/b.0" }),
    ...disk("b"),
  });
  const { words } = await carried(client);
  const ids = words.filter((word) => word !== "-device")
    .map((word) => JSON.parse(word).id);
  assertEquals(ids, ["b", "a"]);
});

Deno.test("devices without an id keep the order in which they were made", async () => {
  const client = vm({
    "/machine/peripheral-anon/device[10]": { type: "b", hotplugged: true },
    "/machine/peripheral-anon/device[9]": { type: "a", hotplugged: true },
  });
  const { words } = await carried(client);
  const types = words.filter((word) => word !== "-device")
    .map((word) => JSON.parse(word).driver);
  assertEquals(types, ["a", "b"]);
});

Deno.test("a loop of buses ends the search", async () => {
  const client = vm({
    ...disk("a", { parent_bus: "/machine/peripheral/b/b.0" }),
    ...disk("b", { parent_bus: "/machine/peripheral/a/a.0" }),
  });
  assertEquals((await carried(client)).devices.size, 2);
});

Deno.test("a device is left when what it needs is not carried over", async () => {
  const cases: readonly [JsonObject, string][] = [
    [{ drive: "gone" }, `block node "gone" cannot be carried over`],
    [{ iothread: "/objects/gone" }, `object "gone" cannot be carried over`],
    [{ serial: "\ud800" }, "it has a value that no argument can give"],
  ];
  for (const [more, why] of cases) {
    const client = vm(disk("late", more), {
      "device-list-properties": PROPERTIES,
    });
    const { words, devices, obstacles } = await carried(client);
    assertEquals([words, devices.size], [[], 0]);
    assertEquals(obstacles.get("/machine/peripheral/late"), why);
  }
});

Deno.test("the devices after one that was unplugged keep their places", async () => {
  const client = vm({
    ...disk("kept", { hotplugged: false }),
    "/machine/peripheral-anon/device[0]": {
      ...{ type: "virtio-rng-pci", hotplugged: false },
      ...{ parent_bus: "/machine/q35/pcie.0", addr: 0x18 },
    },
  });
  const { words } = await carried(
    client,
    ...["-device", "virtio-rng-pci,id=gone"],
    ...["-device", "virtio-blk-pci,id=kept,addr=2.1"],
    ...["-device", "virtio-rng-pci"],
  );
  assertEquals(words, [
    ...["-device", "virtio-blk-pci,id=kept,addr=2.1,bus=root"],
    ...["-device", "virtio-rng-pci,bus=pcie.0,addr=3.0"],
  ]);
});

Deno.test("no argument is changed to an invalid one", async () => {
  const words = [
    ...["-device", "virtio-rng-pci,id=gone"],
    ...["-device", "virtio-blk-pci,id=kept"],
  ];
  for (const bus of ["a\0b", "\ud800", "x".repeat(65_537)]) {
    const kept = { hotplugged: false, parent_bus: `/machine/${bus}` };
    const { words: after } = await carried(vm(disk("kept", kept)), ...words);
    assertEquals(after, words);
  }
});

Deno.test("a device without an id that was unplugged is left to the checks", async () => {
  const words = ["-device", "virtio-rng-pci", "-device", "usb-kbd,id=gone"];
  assertEquals((await carried(vm({}), ...words)).words, words);
});

const STORE = {
  "node-name": "store",
  drv: "qcow2",
  ro: false,
  cache: { direct: true, "no-flush": false },
  file: "/s.qcow2",
  children: [{ child: "file", "node-name": "#block1" }],
};
const FILE = {
  ...{ "node-name": "#block1", drv: "file", ro: false, file: "/s.qcow2" },
  ...{ cache: { direct: true }, children: [] },
};

Deno.test("a node is described with those below it", async () => {
  const { words, unknown } = await carried(
    vm({}, { "query-named-block-nodes": [STORE, FILE] }),
  );
  assertEquals(JSON.parse(words[1] ?? ""), {
    ...{ driver: "qcow2", "node-name": "store", "read-only": false },
    ...{ cache: { direct: true, "no-flush": false }, backing: null },
    file: {
      ...{ driver: "file", filename: "/s.qcow2", "read-only": false },
      cache: { direct: true, "no-flush": false },
    },
  });
  assertEquals(unknown, [`discard= of block node "store"`]);
});

Deno.test("a graph with many paths to a node ends the search", async () => {
  const layers = Array.from({ length: 64 }, (_, at) => ({
    ...STORE,
    "node-name": at === 0 ? "store" : `#block${at}`,
    children: ["file", "backing"].map((child) => ({
      ...{ child, "node-name": `#block${at + 1}` },
    })),
  }));
  const { obstacles } = await carried(
    vm({}, {
      "query-named-block-nodes": [
        ...layers,
        { ...FILE, "node-name": "#block64" },
      ],
    }),
  );
  assertEquals([...obstacles], [
    ["store", "QEMU does not report what is below it"],
  ]);
});

Deno.test("a chain longer than any real one is left to the checks", async () => {
  const chain = Array.from({ length: 4000 }, (_, at) => ({
    ...STORE,
    "node-name": `n${at}`,
    children: [{ child: "backing", "node-name": `n${at + 1}` }],
  }));
  const { obstacles } = await carried(
    vm({}, { "query-named-block-nodes": chain }),
  );
  assertEquals(
    obstacles.get("n0"),
    'block node "n1" cannot be carried over',
  );
});

Deno.test("what a node was reopened with is kept", async () => {
  const node = {
    ...{ "node-name": "n", drv: "null-co", ro: false, detect_zeroes: "on" },
    cache: { direct: true, "no-flush": false },
  };
  const client = vm({}, { "query-named-block-nodes": [node] });
  const text = "driver=null-co,node-name=n";
  const cases: readonly [string, JsonObject | string][] = [
    [text, `${text},cache.direct=on,detect-zeroes=on`],
    [
      '{"driver": "null-co", "node-name": "n"}',
      {
        ...{ driver: "null-co", "node-name": "n" },
        ...{ cache: { direct: true }, "detect-zeroes": "on" },
      },
    ],
    [
      `${text},detect-zeroes=on,cache.direct=on`,
      `${text},detect-zeroes=on,cache.direct=on`,
    ],
  ];
  for (const [before, after] of cases) {
    const { words } = await carried(client, "-blockdev", before);
    const word = words[1] ?? "";
    assertEquals(typeof after === "string" ? word : JSON.parse(word), after);
  }
});

Deno.test("a node that cannot be described is left to the checks", async () => {
  const cases: readonly (readonly [JsonObject, JsonObject])[] = [
    [STORE, { ...FILE, file: "relative" }],
    [STORE, { ...FILE, file: "/dev/fdset/1" }],
    [STORE, { ...FILE, file: "json:{" }],
    [STORE, { ...FILE, file: `json:{"driver": "nbd", "filename": "/x"}` }],
    [STORE, { ...FILE, drv: "nbd" }],
    [{ ...STORE, encrypted: true }, FILE],
    [{ ...STORE, drv: "quorum" }, FILE],
    [{ ...STORE, children: [{ child: "file", "node-name": "store" }] }, FILE],
    [{ ...STORE, children: [{ child: "data-file", "node-name": "x" }] }, FILE],
  ];
  for (const nodes of cases) {
    const { words, obstacles } = await carried(
      vm({}, { "query-named-block-nodes": [...nodes] }),
    );
    assertEquals([words, obstacles.has("store")], [[], true]);
  }
});

Deno.test("the backing file in a header must be the one in use", async () => {
  const base = { ...STORE, "node-name": "#block2", file: "/base.qcow2" };
  const top = (image: JsonObject): JsonObject => ({
    ...{ ...STORE, "node-name": "#block3", file: "/top.qcow2", image },
    children: [
      ...STORE.children,
      { child: "backing", "node-name": "#block2" },
    ],
  });
  const drive = "if=none,id=d,file=/base.qcow2,format=qcow2";
  const cases: readonly [JsonObject, boolean][] = [
    [{
      "full-backing-filename": "/base.qcow2",
      "backing-filename-format": "qcow2",
    }, true],
    [{ "full-backing-filename": "/base.qcow2" }, false],
    [{
      "full-backing-filename": "/other.qcow2",
      "backing-filename-format": "qcow2",
    }, false],
    [{}, false],
  ];
  for (const [image, follows] of cases) {
    const { words } = await carried(
      vm({}, {
        "query-named-block-nodes": [top(image), base, FILE],
        "query-block": [{
          device: "d",
          inserted: { "node-name": "#block3", file: "/top.qcow2" },
        }],
      }),
      ...["-drive", drive],
    );
    assertEquals(
      words[1],
      follows ? drive.replace("/base", "/top") : drive,
      JSON.stringify(image),
    );
  }
});

Deno.test("more than a VM can have is not carried over", async () => {
  const objects = Object.fromEntries(
    Array.from({ length: 600 }, (_, at) => [
      `/objects/io${at}`,
      { type: "iothread" },
    ]),
  );
  const { words, obstacles } = await carried(vm(objects));
  assertEquals(words.length, 2 * 512);
  assertEquals(obstacles.size, 600 - 512);
});

const LIMITS = ["-drive", "id=d,throttling.iops-total=100"];

function limited(more: JsonObject): Executor {
  return vm({}, {
    "query-block": [{
      device: "d",
      qdev: "/vd0",
      inserted: { file: "", iops: 100, group: "d", ...more },
    }],
  });
}

Deno.test("a command line longer than any real one is left to the checks", async () => {
  const objects = (count: number) =>
    Array.from({ length: count }, (_, at) => ["-object", `iothread,id=io${at}`])
      .flat();
  const few = await carried(vm({}), ...objects(3));
  assertEquals([few.words.length, few.changes.length], [0, 3]);
  const many = await carried(vm({}), ...objects(3000));
  assertEquals([many.words.length, many.changes.length], [6000, 0]);
});

Deno.test("a limit of bursts that was set at run time is carried over", async () => {
  const cases: readonly [JsonObject, number][] = [
    [{}, 0],
    [{ iops_max: 500, iops_max_length: 1 }, 1],
    [{ iops_size: 4096 }, 1],
  ];
  for (const [more, count] of cases) {
    const { commands } = await carried(limited(more), ...LIMITS);
    assertEquals(commands.length, count);
    for (const { execute, arguments: given } of commands) {
      assertEquals(execute, "block_set_io_throttle");
      assertEquals(given, {
        ...{ id: "/vd0", bps: 0, bps_rd: 0, bps_wr: 0 },
        ...{ iops: 100, iops_rd: 0, iops_wr: 0, group: "d", ...more },
      });
    }
  }
});

Deno.test("no limit is longer than a journal can have", async () => {
  const group = "x".repeat(65_537);
  const { commands, obstacles } = await carried(
    limited({ iops: 7, group }),
    ...LIMITS,
  );
  assertEquals(commands, []);
  assertEquals(obstacles.get("d"), "it has a value that no argument can give");
});

Deno.test("a command that is refused is reported, and the next is sent", async () => {
  const sent: string[] = [];
  const client: Executor = {
    execute: (command, args) => {
      sent.push(command);
      return args?.["id"] === "a"
        ? Promise.reject(
          new QmpCommandError(command, "GenericError", "no"),
        )
        : Promise.resolve({});
    },
  };
  const problems = await sendCommands(
    client,
    ["a", "b"].map((id) => ({ execute: "set", arguments: { id } })),
  );
  assertEquals([sent.length, problems.length], [2, 1]);
});

/** A VM with back ends, as "info network" prints them. */
function network(...lines: string[]) {
  return vm({}, { "human-monitor-command": lines.join("\r\n") });
}

function taps(closesOnExec: boolean, ...descriptors: number[]): LiveProcess {
  return {
    ...NOTHING_LIVE,
    taps: descriptors.map((descriptor) => ({
      ...{ descriptor, interface: "t", closesOnExec },
    })),
  };
}

Deno.test("a tap interface that stays open is an argument", async () => {
  const byName = network(
    "n: index=0,type=tap,ifname=t,script=/up,downscript=/down",
    "n: index=1,type=tap,ifname=t,script=/up,downscript=/down",
  );
  const { words, commands } = await carried(byName);
  assertEquals([words[0], JSON.parse(words[1] ?? ""), commands], [
    "-netdev",
    { type: "tap", id: "n", ifname: "t", downscript: "/down", queues: 2 },
    [],
  ]);
  const byNumber = network("n: index=0,type=tap,fd=7");
  const named = await carriedBy(taps(false, 7), byNumber);
  assertEquals(JSON.parse(named.words[1] ?? ""), {
    ...{ type: "tap", id: "n", fd: "7" },
  });
  assertEquals(named.commands, []);
});

Deno.test("a tap interface that exec would close is sent", async () => {
  const client = network(
    "n: index=0,type=tap,fd=7",
    "n: index=1,type=tap,fd=9",
  );
  const { words, commands } = await carriedBy(taps(true, 7, 9), client);
  assertEquals(words, []);
  assertEquals(commands, [
    {
      execute: "getfd",
      arguments: { fdname: "cprctl-7" },
      descriptor: 7,
    },
    {
      execute: "getfd",
      arguments: { fdname: "cprctl-9" },
      descriptor: 9,
    },
    {
      execute: "netdev_add",
      arguments: { type: "tap", id: "n", fds: "cprctl-7:cprctl-9" },
    },
  ]);
});

Deno.test("vhost is sent with a tap interface if there is one for each", async () => {
  const ofTwo = [
    "m: index=0,type=tap,fd=7",
    "n: index=0,type=tap,fd=9",
    "n: index=1,type=tap,fd=10",
  ];
  const own = "o: index=0,type=tap,ifname=o,script=no,downscript=no";
  const opened = ["-netdev", "tap,id=o,ifname=o,script=no,vhost=on"];
  const vhostOf = async (vhostNets: number[], ...words: string[]) => {
    const live = { ...taps(true, 7, 9, 10), vhostNets };
    const client = network(...ofTwo, ...words.length > 0 ? [own] : []);
    const { commands, obstacles } = await carriedBy(live, client, ...words);
    return [
      ...obstacles.keys(),
      ...commands.map(({ execute, arguments: given, descriptor }) =>
        execute === "getfd" ? descriptor : given["vhostfd"] ?? given["vhostfds"]
      ),
    ];
  };
  const each = [7, 21, "cprctl-21", 9, 10, 22, 23, "cprctl-22:cprctl-23"];
  assertEquals(await vhostOf([21, 22, 23]), each);
  assertEquals(await vhostOf([21, 22, 23, 24], ...opened), each);
  const none = [7, undefined, 9, 10, undefined];
  assertEquals(await vhostOf([]), none);
  assertEquals(await vhostOf([24], ...opened), none);
  const unknown = ["m", "n"];
  assertEquals(await vhostOf([21, 22]), unknown);
  assertEquals(await vhostOf([21, 22, 23, 24]), unknown);
  assertEquals(await vhostOf([21, 22, 23], ...opened), unknown);
});

Deno.test("a tap interface of which too little is known is left to the check", async () => {
  const byName = "n: index=0,type=tap,ifname=t,script=no,downscript=no";
  const cases: readonly (readonly [LiveProcess, string])[] = [
    [{ ...taps(false, 7), vhostNets: [8] }, byName],
    [
      { ...taps(false, 7), vhostNets: [8] },
      "n: index=0,type=tap,fd=7",
    ],
    [
      {
        ...taps(true, 7),
        vhostNets: [8],
        vhostProblem: () => new UpdateProblem("vhost-net", "not there"),
      },
      "n: index=0,type=tap,fd=7",
    ],
    [taps(true, 7), "n: index=0,type=tap,fd=8"],
    [taps(true, 7), "n: index=0,type=tap,helper=/h"],
  ];
  for (const [live, line] of cases) {
    const { words, commands, obstacles } = await carriedBy(
      live,
      network(line),
    );
    assertEquals([words, commands, obstacles.has("n")], [[], [], true]);
  }
});

Deno.test("a tap interface is carried beside the vhost of the command line", async () => {
  const line = "n: index=0,type=tap,ifname=t,script=no,downscript=no";
  const live = { ...taps(false, 7), vhostNets: [8] };
  const words = ["-netdev", "tap,id=m,fd=6,vhostfd=8"];
  const own = "m: index=0,type=tap,fd=6";
  const { obstacles } = await carriedBy(live, network(own, line), ...words);
  assertEquals([...obstacles], []);
});

Deno.test("a descriptor set is sent, and no longer an argument", async () => {
  const client = vm({}, {
    "query-fdsets": [{
      "fdset-id": 3,
      fds: [{ fd: 7, opaque: "o" }, { fd: 9 }],
    }],
  });
  const { words, commands } = await carried(client, "-add-fd", "fd=5,set=3");
  assertEquals(words, []);
  assertEquals(commands, [
    {
      execute: "add-fd",
      arguments: { "fdset-id": 3, opaque: "o" },
      descriptor: 7,
    },
    { execute: "add-fd", arguments: { "fdset-id": 3 }, descriptor: 9 },
  ]);
});

Deno.test("a set with descriptors that were left open is neither sent nor kept", async () => {
  const client = vm({}, {
    "query-fdsets": [{ "fdset-id": OWN_SET, fds: [{ fd: 7 }] }],
  });
  const { words, commands, changes } = await carried(
    client,
    "-add-fd",
    `fd=5,set=${OWN_SET}`,
  );
  assertEquals([words, commands], [[], []]);
  assertEquals(changes[0]?.why, "the program has closed what it names");
});

Deno.test("nodes that have become writable stay so, also those inside", async () => {
  const child = { child: "file", "node-name": "#block1" };
  const client = vm({}, {
    "query-named-block-nodes": [
      { "node-name": "disk", drv: "raw", ro: false, children: [child] },
      { "node-name": "#block1", drv: "file", file: "/a", ro: false },
    ],
  });
  const node = (readOnly: boolean) =>
    JSON.stringify({
      ...{ driver: "raw", "node-name": "disk", "read-only": readOnly },
      file: { driver: "file", filename: "/a", "read-only": readOnly },
    });
  const { words } = await carried(client, "-blockdev", node(true));
  assertEquals(JSON.parse(words[1] ?? ""), JSON.parse(node(false)));
});
