import { assert, assertEquals, assertThrows } from "@std/assert";
import { UpdateProblem } from "../../../lib/update/error.ts";
import {
  type Difference,
  differencesBetween,
} from "../../../lib/update/verify/difference.ts";
import {
  findingsOf,
  judge,
  requireSameVm,
  type Verdict,
} from "../../../lib/update/verify/verdict.ts";
import { objectsOf } from "../../../lib/update/verify/view.ts";
import type { JsonObject } from "../../../lib/qmp/mod.ts";

function differing(
  kind: string,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
): Difference[] {
  const [was, is] = [before, after].map((object) =>
    objectsOf(object === undefined ? [] : [["x", object]])
  );
  return [...differencesBetween(kind, was!, is!)];
}

const HOST = { type: "host-x86_64-cpu" };
const KVM64 = { type: "kvm64-x86_64-cpu" };

const CASES: readonly [
  kind: string,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
  Verdict,
][] = [
  ["Device", { mac: "a" }, { mac: "b" }, "seen-by-guest"],
  ["Device", undefined, { type: "e1000" }, "seen-by-guest"],
  ["Device", { type: "e1000" }, undefined, "seen-by-guest"],
  ["Device", {}, { "x-new": true }, "new-version"],
  ["Device", { "x-old": true }, {}, "new-version"],
  ["Device", { iothread: "a" }, { iothread: "b" }, "host-side"],
  ["Machine", { type: "pc" }, { type: "q35" }, "seen-by-guest"],
  ["Machine", { kvm: true }, { kvm: false }, "seen-by-guest"],
  ["Machine", { "mem-merge": true }, { "mem-merge": false }, "host-side"],
  ["vCPU", { type: "a" }, { type: "b" }, "seen-by-guest"],
  [
    "vCPU",
    { ...KVM64, avx2: false },
    { ...KVM64, avx2: true },
    "seen-by-guest",
  ],
  ["vCPU", { ...HOST, avx2: true }, { ...HOST, avx2: false }, "seen-by-guest"],
  ["vCPU", { ...HOST, avx2: false }, { ...HOST, avx2: true }, "new-version"],
  ["vCPU", { ...HOST, level: 13 }, { ...HOST, level: 31 }, "new-version"],
  ["vCPU", { ...HOST, level: 31 }, { ...HOST, level: 13 }, "seen-by-guest"],
  ["vCPU", { ...HOST, stepping: 1 }, { ...HOST, stepping: 2 }, "seen-by-guest"],
  ["vCPU", HOST, words(1), "new-version"],
  ["vCPU", words(1), HOST, "seen-by-guest"],
  ["vCPU", KVM64, { ...KVM64, "CPUID 7.0 EBX": 1 }, "seen-by-guest"],
  ["vCPU", { ...KVM64, "CPUID 7.0 EBX": 1 }, KVM64, "seen-by-guest"],
  ["vCPU", KVM64, { ...KVM64, "legacy-cache": true }, "new-version"],
  ["Device", { rombar: "1 (0x1)" }, { rombar: "-1 (0xff)" }, "new-version"],
  ["Device", { rombar: "0 (0x0)" }, { rombar: "-1 (0xff)" }, "seen-by-guest"],
  ["Drive", { medium: false }, undefined, "host-side"],
  ["Drive", { medium: true }, undefined, "seen-by-guest"],
  ["Block node", {}, { children: { file: "a" } }, "new-version"],
  [
    "Block node",
    { children: { file: "a" } },
    { children: { file: "b" } },
    "seen-by-guest",
  ],
  ["vCPU", words(2 ** 31), words(2 ** 31 + 1), "new-version"],
  ["vCPU", words(2 ** 31 + 1), words(2 ** 31), "seen-by-guest"],
  ["vCPU", KVM64, { ...KVM64, "x-new": true }, "new-version"],
  ["vCPU", { ...KVM64, "x-old": true }, KVM64, "new-version"],
  ["vCPU", { ...KVM64, "old": false }, KVM64, "new-version"],
  ["vCPU", { ...KVM64, "old": true }, KVM64, "seen-by-guest"],
  ["vCPU", KVM64, { ...KVM64, "new": true }, "seen-by-guest"],
  ["vCPU", HOST, { ...HOST, "new": true }, "new-version"],
  ["Memory backend", { size: 1 }, { size: 2 }, "seen-by-guest"],
  ["Memory backend", { share: true }, { share: false }, "seen-by-guest"],
  ["Memory backend", { prealloc: true }, { prealloc: false }, "host-side"],
  ["Memory backend", { share: false }, { share: true }, "host-side"],
  [
    "Object",
    { type: "child<memory-backend-ram>" },
    { type: "child<memory-backend-memfd>" },
    "host-side",
  ],
  ["Object", { type: "child<memory-backend-ram>" }, {
    type: "child<secret>",
  }, "seen-by-guest"],
  ["Memory device", undefined, { type: "dimm" }, "seen-by-guest"],
  ["Network back end", { type: "tap" }, { type: "user" }, "seen-by-guest"],
  ["Network back end", { ifname: "a" }, { ifname: "b" }, "host-side"],
  ["Network back end", { ifname: "a" }, { fd: "7" }, "host-side"],
  ["Network back end", { type: "user" }, undefined, "seen-by-guest"],
  ["Network back end", undefined, { type: "user" }, "host-side"],
  ["Block node", { file: "/a" }, { file: "/b" }, "seen-by-guest"],
  ["Block node", undefined, { drv: "raw" }, "host-side"],
  ["Drive", { medium: true }, { medium: false }, "seen-by-guest"],
  ["Object", { type: "a" }, undefined, "host-side"],
  ["Character device", { type: "a" }, { type: "b" }, "seen-by-guest"],
  ["Character device", { type: "a" }, undefined, "seen-by-guest"],
  ["PCI device", { irq: 1 }, { irq: 2 }, "seen-by-guest"],
  ["Firmware", { contents: "a" }, { contents: "b" }, "seen-by-guest"],
];

function words(features: number): JsonObject {
  return { ...HOST, "CPUID 7.0 EBX": features };
}

for (const [kind, before, after, verdict] of CASES) {
  const [was, is] = [before, after].map((it) => JSON.stringify(it) ?? "none");
  Deno.test(`${kind} ${was} to ${is} is ${verdict}`, () => {
    const verdicts = differing(kind, before, after)
      .map((difference) => judge(difference).verdict);
    assertEquals([...new Set(verdicts)], [verdict]);
  });
}

Deno.test("monitors and debuggers are not the guest's", () => {
  const before = objectsOf([
    ["gdb", { type: "child<chardev-socket>" }],
    ["#chr", { type: "child<chardev-gdb>" }],
    ["compat_monitor1", { type: "child<chardev-file>" }],
    ["console", { type: "child<chardev-pty>" }],
  ]);
  const verdicts = [
    ...differencesBetween("Character device", before, new Map()),
  ].map((difference) => judge(difference).verdict);
  assertEquals(verdicts, [...Array(3).fill("host-side"), "seen-by-guest"]);
});

Deno.test("what the guest would see is named, before and after", () => {
  const differences = [
    ...differing("Memory backend", { prealloc: true }, { prealloc: false }),
    ...differing("Device", { serial: "a" }, { serial: "b" }),
    ...differing("Device", undefined, { type: "edu" }),
  ];
  const error = assertThrows(() => requireSameVm(differences), UpdateProblem);
  assertEquals(error.code, "another-vm");
  assertEquals(
    error.message,
    "The new program does not have the same VM: " +
      'Device "x": "serial" was "a", is "b"; Device "x" is new',
  );
  assertEquals(
    findingsOf(differences).map(({ what, before, after, verdict }) =>
      [what, before, after, verdict].join(" | ")
    ),
    [
      'Device "x": "serial" | "a" | "b" | seen-by-guest',
      'Device "x" |  | "edu" | seen-by-guest',
      'Memory backend "x": "prealloc" | true | false | host-side',
    ],
  );
});

Deno.test("differences that the guest cannot see are accepted", () => {
  requireSameVm(differing("Object", { type: "a" }, undefined));
});

Deno.test("a message and a report are bounded", () => {
  const many = Array.from(
    { length: 1000 },
    (_, at) =>
      differing("Device", { [`p${at}`]: "a" }, {
        [`p${at}`]: "b".repeat(9999),
      }),
  ).flat();
  const error = assertThrows(() => requireSameVm(many), UpdateProblem);
  assert(error.message.length < 2000, `${error.message.length}`);
  assertEquals(error.message.endsWith("; and 995 more"), true);
  const findings = findingsOf(many);
  assertEquals(findings.length, 100);
  assertEquals(findings[0]?.after?.length, 200);
});
