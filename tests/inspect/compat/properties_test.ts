import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { align } from "../../../lib/inspect/compat/align.ts";
import { compareDumps, parseDump } from "../../../lib/inspect/compat/mod.ts";
import { InspectError } from "../../../lib/inspect/mod.ts";
import { dump, dumpText, type Member } from "./dumps.ts";

const version = fc.nat({ max: 3 });
const name = fc.constantFrom("a", "b", "unused", "parent_obj", "__proto__");

/** Descriptions of every shape, names that repeat among them. */
const { description } = fc.letrec<{ description: Member; field: Member }>(
  (tie) => ({
    field: fc.record({
      field: name,
      version_id: version,
      field_exists: fc.boolean(),
      num: fc.integer({ min: 1, max: 3 }),
      size: fc.nat({ max: 8 }),
      Description: fc.option(tie("description"), {
        nil: undefined,
        maxDepth: 3,
      }),
    }),
    description: fc.record({
      name,
      version_id: fc.constant(3),
      minimum_version_id: version,
      Fields: fc.array(tie("field"), { maxLength: 4 }),
      Subsections: fc.oneof(
        { maxDepth: 3 },
        fc.constant([]),
        fc.array(tie("description"), { maxLength: 2 }),
      ),
    }),
  }),
);

/** As JSON has it: what is undefined is not there. */
const types = fc.dictionary(name, description, { maxKeys: 3 });

Deno.test("every dump is compatible with itself", () => {
  fc.assert(fc.property(types, (types) => {
    assertEquals(compareDumps(dump(types), dump(types)).findings, []);
  }));
});

Deno.test("any two dumps can be compared", () => {
  fc.assert(fc.property(types, types, (old, next) => {
    for (const { types, hit } of compareDumps(dump(old), dump(next)).findings) {
      assert(types.length > 0);
      assertEquals(hit, undefined);
    }
  }));
});

Deno.test("what is no dump is told by an InspectError", () => {
  fc.assert(fc.property(types, fc.nat(), fc.string(), (types, at, junk) => {
    const text = dumpText(types);
    const from = at % text.length;
    const damaged = text.slice(0, from) + junk + text.slice(from + 1);
    try {
      parseDump(damaged, "damaged.json");
    } catch (error) {
      assert(error instanceof InspectError, String(error));
    }
  }));
});

Deno.test("aligned lists are whole, and nothing more could be the same", () => {
  const list = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 8 });
  fc.assert(fc.property(list, list, (left, right) => {
    const isSame = (a: string, b: string) => a === b;
    const stretches = align(left, right, isSame);
    const side = (at: 0 | 1) =>
      stretches.flatMap((it) =>
        "same" in it ? [it.same[at]] : at === 0 ? it.left : it.right
      );
    assertEquals([side(0), side(1)], [left, right]);
    const same = stretches.filter((it) => "same" in it).length;
    assertEquals(same, longest(left, right));
  }));
});

/** Length of the longest common subsequence, by trying everything. */
function longest(left: readonly string[], right: readonly string[]): number {
  const [a, ...rest] = left;
  if (a === undefined) return 0;
  const at = right.indexOf(a);
  const without = longest(rest, right);
  return at < 0
    ? without
    : Math.max(without, 1 + longest(rest, right.slice(at + 1)));
}
