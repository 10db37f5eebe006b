import { assert, assertEquals } from "@std/assert";
import {
  type Input,
  inspect,
  type InspectedSection,
  verify,
  writeJson,
} from "../../lib/inspect/mod.ts";
import { membersOf } from "../../lib/inspect/members.ts";
import {
  type DecodedStruct,
  encodeBody,
  hasLayout,
  isStruct,
} from "../../lib/migration/stream/mod.ts";
import { Sink } from "../../lib/stream/mod.ts";
import { type PlainValue, readPlainly } from "./plain_reader.ts";

/** What is compared of an inspection's JSON. */
interface Document {
  readonly machine: string;
  readonly page_size: number;
  readonly configuration: { readonly capabilities: readonly string[] };
  readonly sections: readonly Section[];
  readonly ram: {
    readonly blocks: readonly {
      readonly name: string;
      readonly size: number;
      readonly pages: number;
      readonly zero_pages: number;
    }[];
  };
}

interface Section extends Subsections {
  readonly name: string;
  readonly instance_id: number;
}

interface Subsections {
  readonly fields?: Record<string, unknown>;
  readonly subsections: readonly (Subsections & { readonly name: string })[];
}

/**
 * Holds an inspection, as it is written for programs, against an independent
 * reading: every section, every leaf, every block. Sees that the stream
 * encodes to itself, too.
 *
 * @returns how many leaves there are
 */
export function assertSameReading(input: Input): number {
  const inspection = inspect(input);
  assert(inspection.format === "migration-stream");
  assertEquals(inspection.problem, undefined);
  assertEquals(verify(inspection, input).bytes, input.bytes.length);
  let text = "";
  writeJson(inspection, inspection.sections, (piece) => text += piece);
  const document: Document = JSON.parse(text);
  const plain = readPlainly(input.bytes);
  assertEquals(document.machine, plain.machine);
  assertEquals(document.page_size, plain.pageSize);
  assertEquals(document.configuration.capabilities, plain.capabilities);
  const laidOut = new Map(
    inspection.sections.map((section) => [
      `${section.name}:${section.instanceId}`,
      handWritten(section),
    ]),
  );
  const sections = document.sections.filter(({ name }) => name !== "ram");
  assertEquals(
    sections.map(({ name, instance_id }) => `${name}:${instance_id}`),
    [...plain.sections.keys()],
  );
  let count = 0;
  for (const section of sections) {
    const key = `${section.name}:${section.instance_id}`;
    const leaves = new Map<string, PlainValue>();
    addBody(leaves, "", section);
    for (const [path, hex] of laidOut.get(key) ?? []) {
      for (const inside of leaves.keys()) {
        if (inside.startsWith(`${path}.`)) leaves.delete(inside);
      }
      leaves.set(path, hex);
    }
    assertEquals(
      [...leaves].toSorted(byPath),
      [...plain.sections.get(key) ?? []].toSorted(byPath),
      key,
    );
    count += leaves.size;
  }
  assertEquals(
    document.ram.blocks.map(({ name, size, pages, zero_pages }) => [
      name,
      { size, pages, zeroPages: zero_pages },
    ]),
    [...plain.blocks],
  );
  return count;
}

type Leaves = Map<string, PlainValue>;

/** What has a layout of its own, encoded: vmdesc knows only the bytes. */
function handWritten({ state }: InspectedSection): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (struct: DecodedStruct, prefix: string) => {
    const { fields, subsections } = membersOf(struct);
    for (const { key, field: { type, value } } of fields) {
      if (isStruct(value) && hasLayout(type)) {
        const sink = new Sink();
        encodeBody(sink, value);
        found.set(prefix + key, sink.toBytes().toHex());
        continue;
      }
      if (isStruct(value)) walk(value, `${prefix}${key}.`);
      if (!Array.isArray(value)) continue;
      for (const [index, element] of value.entries()) {
        if (isStruct(element)) walk(element, `${prefix}${key}[${index}].`);
      }
    }
    for (const { key, struct } of subsections) walk(struct, `${prefix}${key}.`);
  };
  if (state !== undefined && isStruct(state)) walk(state, "");
  return found;
}

/** An object of JSON does not keep the order of names that are numbers. */
function byPath([a]: [string, PlainValue], [b]: [string, PlainValue]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function addBody(leaves: Leaves, prefix: string, body: Subsections): void {
  for (const [name, value] of Object.entries(body.fields ?? {})) {
    addValue(leaves, prefix + name, value);
  }
  for (const subsection of body.subsections) {
    addBody(leaves, `${prefix}${subsection.name}.`, subsection);
  }
}

function addValue(leaves: Leaves, path: string, value: unknown): void {
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      addValue(leaves, `${path}[${index}]`, element);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      addValue(leaves, `${path}.${name}`, member);
    }
  } else {
    assert(["boolean", "number", "string"].includes(typeof value) || !value);
    leaves.set(path, value as PlainValue);
  }
}
