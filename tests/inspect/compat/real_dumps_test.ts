/** Dumps of real QEMUs against themselves, and against each other. */

import { assert, assertEquals } from "@std/assert";
import {
  compareDumps,
  type Description,
  type Dump,
  type InUse,
  parseDump,
  verdictOf,
} from "../../../lib/inspect/compat/mod.ts";
import { data } from "../../../testing/data/data.ts";

const VERSIONS = ["7.2.22", "10.0.13", "11.1.2"] as const;

const DUMPS = new Map<string, Dump>();
for (const version of VERSIONS) {
  const name = `dump-vmstate-q35-${version}.json`;
  DUMPS.set(
    version,
    parseDump(new TextDecoder().decode(await data(name)), name),
  );
}

function dumpOf(version: string): Dump {
  const dump = DUMPS.get(version);
  assert(dump !== undefined);
  return dump;
}

/**
 * A stream with the section of one type alone: with all its subsections, and
 * without the fields that have a condition.
 */
function sentBy({ name, version, fields, subsections }: Description): InUse {
  const section = {
    version,
    fields: new Set(
      fields.filter(({ conditional }) => !conditional).map(({ name }) => name),
    ),
    subsections: new Map(subsections.map((sub) => [sub.name, sub.version])),
  };
  return { sections: new Map([[name, [section]]]) };
}

function described(dump: Dump, type: string): Description {
  const description = dump.types.get(type);
  assert(description !== undefined, type);
  return description;
}

for (const [version, dump] of DUMPS) {
  Deno.test(`QEMU ${version} loads every section that it saves`, () => {
    assertEquals(compareDumps(dump, dump).findings, []);
    for (const [type, description] of dump.types) {
      const { findings, unseen } = compareDumps(
        dump,
        dump,
        sentBy(description),
      );
      assertEquals([findings, unseen], [[], []], type);
    }
  });
}

Deno.test("a section is not refused for another type of its name", () => {
  for (const type of ["VGA", "secondary-vga", "vmware-svga", "ne2k_pci"]) {
    for (const old of VERSIONS) {
      for (const next of VERSIONS) {
        const before = dumpOf(old);
        const inUse = sentBy(described(before, type));
        const compatibility = compareDumps(before, dumpOf(next), inUse);
        const text = `${type}, ${old} to ${next}`;
        assertEquals(verdictOf(compatibility), "compatible", text);
      }
    }
  }
  const isa = sentBy(described(dumpOf("10.0.13"), "isa-vga"));
  const { findings } = compareDumps(dumpOf("10.0.13"), dumpOf("11.1.2"), isa);
  assertEquals(
    findings.filter(({ hit }) => hit).map(({ rule, grade }) => [rule, grade]),
    // vmware-svga has the same section, and registers it by hand.
    [["section-renamed", "warn"]],
  );
});

Deno.test("what an ordinary VM has is found to go from release to release", () => {
  const types = [
    "hpet",
    "ICH9-LPC",
    "mch",
    "ich9-ahci",
    "isa-serial",
    "mc146818rtc",
    "e1000e",
    "nec-usb-xhci",
    "qemu-xhci",
    "virtio-blk-device",
    "virtio-net-device",
    "usb-tablet",
  ];
  for (const type of types) {
    for (const old of VERSIONS) {
      for (const next of VERSIONS) {
        const before = dumpOf(old);
        const description = before.types.get(type);
        if (description === undefined) continue;
        const inUse = sentBy(description);
        const compatibility = compareDumps(before, dumpOf(next), inUse);
        const hits = compatibility.findings.filter(({ hit }) => hit);
        assertEquals(hits, [], `${type}, ${old} to ${next}`);
      }
    }
  }
});
