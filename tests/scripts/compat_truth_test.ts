import { assert, assertEquals } from "@std/assert";
import { machineFor, trialsOf } from "../../scripts/compat_truth/plan.ts";
import type { Predicted } from "../../scripts/compat_truth/predict.ts";
import {
  isGood,
  judge,
  lineOf,
  tableOf,
} from "../../scripts/compat_truth/table.ts";

const [A, B, C, D] = ["7.2.22", "10.0.13", "11.1.2", "11.1.3"].map(
  (version) => ({ binary: `/${version}`, version, package: "" }),
);
assert(A && B && C && D);
const BUILDS = [A, B, C, D];
const TYPES = ["edu", "rtl8139"].map((name) => ({
  name,
  bus: "PCI",
  kind: "X",
}));

const LOAD: Predicted = {
  device: "edu",
  machine: "pc-q35-7.2",
  source: "7.2.22",
  destination: "10.0.13",
  state: "0.state",
  failure: null,
  verdict: "compatible",
  findings: [],
  unseen: ["ram"],
};

Deno.test("every device is tried on every kind of machine", () => {
  const trials = trialsOf(TYPES, BUILDS, 1, false);
  assertEquals(trials.length, 6);
  for (const { source, destinations } of trials) {
    assertEquals(destinations.length, 2);
    assert(!destinations.includes(source));
  }
  assertEquals(trialsOf(TYPES, BUILDS, 1, false), trials);
  const all = trialsOf(TYPES, BUILDS, 1, true);
  const loads = all.flatMap(({ destinations }) => destinations);
  assertEquals([all.length, loads.length], [24, 72]);
  const two = trialsOf(TYPES, [C, D], 1, false);
  assert(two.every(({ destinations }) => destinations.length === 1));
});

Deno.test("the machine type is the latest that both builds know", () => {
  assertEquals(machineFor("pc-q35", A, C), "pc-q35-7.2");
  assertEquals(machineFor("pc-q35", C, B), "pc-q35-10.0");
  assertEquals(machineFor("pc-i440fx", D, C), "pc-i440fx-11.1");
  assertEquals(machineFor("microvm", D, A), "microvm");
});

Deno.test("a prediction is held against what QEMU did", () => {
  const of = (verdict: Predicted["verdict"], failure: string | null) =>
    judge({ ...LOAD, verdict, failure });
  assertEquals(of("compatible", null), "right");
  assertEquals(of("doubtful", null), "false alarm");
  assertEquals(of("refused", null), "false refusal");
  assertEquals(of("doubtful", "no"), "right");
  assertEquals(of("refused", "no"), "right");
  assertEquals(of("compatible", "no"), "miss");
  const words = "error while loading state for instance 0x0 of device ";
  assertEquals(of("compatible", `${words}'0000:00:01.0/edu'`), "miss");
  assertEquals(of("compatible", `${words}'ram'`), "unknown");
  const unknown = "Unknown savevm section or instance '0000:00:01.0/ram' 0";
  assertEquals(of("compatible", unknown), "unknown");
  const version = "savevm: unsupported version 2 for 'ram' v1; load failed";
  assertEquals(of("compatible", version), "unknown");
});

Deno.test("one false refusal is too many, and 5 % false alarms", () => {
  const right = Array.from({ length: 99 }, () => LOAD);
  const alarm = { ...LOAD, verdict: "doubtful" } as const;
  assert(!isGood([]));
  assert(isGood([...right, alarm]));
  assert(isGood([...right, { ...LOAD, failure: "no" }]));
  assert(!isGood([...right, { ...LOAD, verdict: "refused" }]));
  assert(isGood([...right.slice(0, 96), alarm, alarm, alarm, alarm]));
  assert(!isGood([...right.slice(0, 95), alarm, alarm, alarm, alarm, alarm]));
});

Deno.test("the table has a row for each pair of builds", () => {
  const other = {
    ...LOAD,
    source: "11.1.2",
    verdict: "refused",
    findings: [{
      rule: "version-too-new",
      grade: "refuse",
      hit: true,
      vmsd: "edu",
      field: undefined,
      detail: "",
      types: ["edu"],
    }],
  } as const;
  assertEquals(
    tableOf([LOAD, other, LOAD]),
    `\
| loads | all | right | false refusal | false alarm | miss | unknown |
| - | - | - | - | - | - | - |
| 11.1.2 → 10.0.13 | 1 | 0 | 1 | 0 | 0 | 0 |
| 7.2.22 → 10.0.13 | 2 | 2 | 0 | 0 | 0 | 0 |
| all | 3 | 2 | 1 | 0 | 0 | 0 |`,
  );
  assertEquals(
    lineOf({ ...other, failure: "it is too new" }),
    `right: edu on pc-q35-7.2, 11.1.2 → 10.0.13
  compat: refuse version-too-new edu
  QEMU: it is too new`,
  );
});
