import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  type Executor,
  type Json,
  type JsonObject,
  QmpCommandError,
  QmpTimeoutError,
} from "../../../lib/qmp/mod.ts";
import {
  Fingerprint,
  VmChangedProblem,
} from "../../../lib/update/verify/fingerprint.ts";
import { phraseOf } from "../../../lib/update/verify/difference.ts";

type Answers = Readonly<Record<string, (args: JsonObject) => Json>>;

/** A program that knows some commands; `heard` is what it was asked. */
class Program implements Executor {
  readonly heard: string[] = [];
  constructor(private readonly answers: Answers) {}

  execute(command: string, args: JsonObject = {}): Promise<Json> {
    const what = args["path"] ?? args["command-line"] ?? args["paths"] ?? "";
    this.heard.push(`${command} ${what}`.trim());
    const answer = this.answers[command];
    return answer === undefined
      ? Promise.reject(new QmpCommandError(command, "CommandNotFound", "no"))
      : new Promise((resolve) => resolve(answer(args)));
  }
}

const CPU = "/machine/unattached/device[0]";
const PLUGGED = "/machine/peripheral/late";
const vcpu = (index: number, path: string): Json => ({
  "cpu-index": index,
  "qom-path": path,
  "qom-type": "kvm64-x86_64-cpu",
  "thread-id": 7,
  "props": { "core-id": index },
});

/** Objects of the QOM tree. */
const object = (values: Readonly<Record<string, Json>>): Json => ({
  properties: [
    ...Object.entries(values).map(([name, value]) => ({
      ...{ name, value },
      type: typeof value,
    })),
    { name: "memory[0]", type: "child<memory-region>", value: "/x" },
  ],
});

/** An object with children of these types. */
const children = (types: Readonly<Record<string, string>>): Json => ({
  properties: Object.entries(types).map(([name, type]) => ({
    ...{ name, type: `child<${type}>` },
    value: `/x/${name}`,
  })),
});

function qemu(more: Answers = {}, objects: Record<string, Json> = {}): Program {
  const all: Record<string, Json> = {
    "/machine": object({
      "type": "pc-q35-11.1-machine",
      "rtc-time": { tm_sec: Math.random() },
      "smp": { cores: 2 },
    }),
    [CPU]: object({ "avx2": false, "sse4_1": true, "realized": true }),
    [PLUGGED]: object({ "avx2": false }),
    "/chardevs": children({ c: "chardev-null" }),
    ...objects,
  };
  return new Program({
    "qom-list-get": ({ paths }) =>
      (paths as string[]).map((path) => all[path] ?? null),
    "query-kvm": () => ({ enabled: true, present: true }),
    "query-cpus-fast": () => [
      vcpu(0, CPU),
      vcpu(1, "/machine/unattached/device[2]"),
      vcpu(2, PLUGGED),
    ],
    "query-memdev": () => [{ id: "ram0", size: 1024, share: true }],
    "human-monitor-command": (args) =>
      args["command-line"] === "info network"
        ? "net: index=0,type=user,net=10.0.2.0,restrict=off"
        : "",
    ...more,
  });
}

async function taken(source: Program, stopped = source): Promise<Fingerprint> {
  const checked = await Fingerprint.take(source, "checked");
  return checked.updatedBy(await Fingerprint.take(stopped, "stopped"));
}

async function phrases(source: Program, destination: Program) {
  const before = await taken(source);
  const started = await Fingerprint.take(destination, "started", before);
  const loaded = await Fingerprint.take(destination, "loaded");
  return before.differencesTo(started.updatedBy(loaded)).map(phraseOf);
}

Deno.test("the same VM on another program has no difference", async () => {
  assertEquals(await phrases(qemu(), qemu()), []);
});

Deno.test("what the old program does not report is not compared", async () => {
  assertEquals(await phrases(new Program({}), qemu()), []);
});

Deno.test("what the new program does not report is a difference", async () => {
  assertEquals(await phrases(qemu(), new Program({})), [
    "Machine is gone",
    ...['vCPU "0" is gone', 'vCPU "1" is gone', 'vCPU "2" is gone'],
    'Memory backend "ram0" is gone',
    'Network back end "net" is gone',
    'Character device "c" is gone',
  ]);
});

const OTHERS: readonly [what: string, Program, phrases: string[]][] = [
  [
    "accelerator",
    qemu({ "query-kvm": () => ({ enabled: false }) }),
    ['Machine: "kvm" was true, is false'],
  ],
  [
    "topology",
    qemu({}, {
      "/machine": object({
        "type": "pc-q35-11.1-machine",
        "smp": { cores: 1 },
      }),
    }),
    ['Machine: "smp.cores" was 2, is 1'],
  ],
  [
    "feature of a vCPU",
    qemu({}, { [CPU]: object({ "avx2": true, "sse4_1": true }) }),
    ['vCPU "0": "avx2" was false, is true'],
  ],
  [
    "feature of a hot-plugged vCPU",
    qemu({}, { [PLUGGED]: object({ "avx2": true }) }),
    ['vCPU "2": "avx2" was false, is true'],
  ],
  [
    "vCPU, of which nothing is told,",
    qemu({
      "qom-list-get": ({ paths }) => {
        const known: Record<string, Json> = {
          "/machine": object({
            "type": "pc-q35-11.1-machine",
            "smp": { cores: 2 },
          }),
          "/objects": children({}),
          "/chardevs": children({ c: "chardev-null" }),
        };
        return (paths as string[]).map((path) => {
          const found = known[path];
          if (found !== undefined) return found;
          throw new QmpCommandError("qom-list-get", "GenericError", "no");
        });
      },
    }),
    [
      'vCPU "0": "has properties" was true, is false',
      'vCPU "0": "avx2" was false, is none',
      'vCPU "0": "sse4-1" was true, is none',
      'vCPU "2": "has properties" was true, is false',
      'vCPU "2": "avx2" was false, is none',
    ],
  ],
  [
    "number of vCPUs",
    qemu({ "query-cpus-fast": () => [vcpu(0, CPU), vcpu(2, PLUGGED)] }),
    ['vCPU "1" is gone'],
  ],
  [
    "size of memory",
    qemu({ "query-memdev": () => [{ id: "ram0", size: 512, share: true }] }),
    ['Memory backend "ram0": "size" was 1024, is 512'],
  ],
  [
    "DIMM",
    qemu({
      "query-memory-devices": () => [
        { type: "dimm", data: { id: "d", addr: 1, hotplugged: true } },
      ],
    }),
    [],
  ],
  [
    "network",
    qemu({
      "human-monitor-command": () =>
        "net: index=0,type=user,net=10.0.3.0,restrict=off",
    }),
    ['Network back end "net": "net" was "10.0.2.0", is "10.0.3.0"'],
  ],
  [
    "queues of a back end",
    qemu({
      "human-monitor-command": ({ "command-line": line }) =>
        line === "info network"
          ? "net: index=0,type=user,net=10.0.2.0,restrict=off\r\n"
            .repeat(2)
          : "",
    }),
    ['Network back end "net": "queues" was 1, is 2'],
  ],
];

for (const [what, destination, expected] of OTHERS) {
  Deno.test(`another ${what} is reported`, async () => {
    assertEquals(await phrases(qemu(), destination), expected);
  });
}

Deno.test("back ends whose names are made up at each start are the same", async () => {
  const withNames = (...names: readonly string[]) =>
    qemu({
      "human-monitor-command": ({ "command-line": line }) =>
        line === "info network"
          ? names.map((name) =>
            `${name}: index=0,type=user,net=10.0.2.0,restrict=off\r\n`
          ).join("")
          : "",
    });
  const before = withNames("#net12", "#net13");
  assertEquals(await phrases(before, withNames("#net104", "#net105")), []);
  assertEquals(await phrases(before, withNames("#net104")), [
    'Network back end "#net #2" is gone',
  ]);
});

Deno.test("what cannot change is not asked for while the guest stops", async () => {
  const program = qemu();
  await Fingerprint.take(program, "stopped");
  assertEquals(
    program.heard.filter((it) => /\/machine(,|$)|cpus|memdev/.test(it)),
    [],
  );
});

Deno.test("a VM is described in one round of queries", async () => {
  const source = await taken(qemu());
  for (const moment of ["started", "loaded"] as const) {
    const program = qemu();
    const taking = Fingerprint.take(program, moment, source);
    const first = program.heard.length;
    await taking;
    assertEquals(program.heard.slice(first), [], moment);
  }
});

Deno.test("vCPUs that are elsewhere are asked for again", async () => {
  const there = "/machine/unattached/device[7]";
  const moved = (avx2: boolean) =>
    qemu(
      { "query-cpus-fast": () => [vcpu(0, there)] },
      { [there]: object({ avx2, "sse4_1": true }) },
    );
  const source = qemu({ "query-cpus-fast": () => [vcpu(0, CPU)] });
  assertEquals(await phrases(source, moved(false)), []);
  assertEquals(await phrases(source, moved(true)), [
    'vCPU "0": "avx2" was false, is true',
  ]);
});

Deno.test("an older QEMU is asked for each object, with the same result", async () => {
  const older = qemu({
    "qom-list-get": () => {
      throw new QmpCommandError("qom-list-get", "CommandNotFound", "no");
    },
    "qom-list": ({ path }) =>
      path === "/chardevs" ? [{ name: "c", type: "child<chardev-null>" }] : [],
  });
  const before = await Fingerprint.take(older, "checked");
  before.requireUnchanged(await Fingerprint.take(qemu(), "stopped"));
  const other = qemu({}, { "/chardevs": children({ d: "chardev-null" }) });
  const after = await Fingerprint.take(other, "stopped");
  assertThrows(() => before.requireUnchanged(after), VmChangedProblem, '"d"');
});

Deno.test("a client's change is reported, a guest's is not", async () => {
  const having = (name: string) =>
    qemu({}, { "/objects": children({ [name]: "iothread" }) });
  const before = await Fingerprint.take(having("a"), "checked");
  before.requireUnchanged(await Fingerprint.take(having("a"), "stopped"));
  const after = await Fingerprint.take(having("b"), "stopped");
  const error = assertThrows(
    () => before.requireUnchanged(after),
    VmChangedProblem,
  );
  assertEquals(error.code, "changed-meanwhile");
  assertMatch(error.message, /Object "a" is gone; Object "b" is new$/);
});

Deno.test("a program that stops answering ends the description", async () => {
  const silent = qemu({
    "query-block": () => {
      throw new QmpTimeoutError("no answer");
    },
  });
  await assertRejects(
    () => Fingerprint.take(silent, "started"),
    QmpTimeoutError,
  );
});

const NONSENSE: readonly Json[] = [
  null,
  1,
  "x",
  [1, null, [], "x"],
  {},
  [{}],
  [{ properties: 3 }, { "qom-path": 7 }],
  [{ "device": {}, "inserted": [], "children": {}, "regions": 1 }],
];

for (const answer of NONSENSE) {
  Deno.test(`a program may answer ${JSON.stringify(answer)} to everything`, async () => {
    const liar = new Program(
      new Proxy({}, { get: () => () => structuredClone(answer) }),
    );
    await phrases(qemu(), liar);
    await phrases(liar, qemu());
    (await Fingerprint.take(liar, "checked"))
      .requireUnchanged(await Fingerprint.take(liar, "stopped"));
  });
}

Deno.test("an older QEMU is asked for each property", async () => {
  const cpu: Record<string, Json> = { type: "a", avx2: true };
  const older = qemu({
    "qom-list-get": () => {
      throw new QmpCommandError("qom-list-get", "CommandNotFound", "no");
    },
    "qom-list": ({ path }) =>
      path === CPU || path === PLUGGED
        ? [
          ...Object.keys(cpu).map((name) => ({ name, type: "bool" })),
          { name: "parent", type: "link<device>" },
        ]
        : [],
    "qom-get": ({ property }) => cpu[String(property)] ?? null,
  });
  const newer = qemu({}, {
    [CPU]: object({ ...cpu, avx2: false }),
    [PLUGGED]: object(cpu),
  });
  const before = await taken(older);
  const after = await Fingerprint.ofNew(newer);
  assertEquals(
    before.differencesTo(after).filter(({ kind }) => kind === "vCPU")
      .map(({ field, before, after }) => [field, before, after]),
    [["avx2", "true", "false"]],
  );
});
