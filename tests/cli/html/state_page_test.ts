import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { renderDiffPage, renderStatePage } from "../../../lib/cli/html/mod.ts";
import { diff, inspect } from "../../../lib/inspect/mod.ts";
import { data } from "../../../testing/data/data.ts";
import {
  everyType,
  inputOf,
  withRam,
} from "../../../testing/streams/streams.ts";
import { outlineOf, tokensOf } from "./outline.ts";

const WRITTEN = { host: "hv17", at: new Date("2026-11-22T03:04:05Z") };

function page(bytes: Uint8Array, limit = 1000, file = "vm.state"): string {
  const inspection = inspect(inputOf(bytes, file));
  const sections = inspection.format === "cpr-state" ? [] : inspection.sections;
  return renderStatePage({ inspection, sections, limit }, WRITTEN);
}

function diffPage(old: Uint8Array, now: Uint8Array, limit = 1000): string {
  const difference = diff(inspect(inputOf(old)), inspect(inputOf(now)));
  return renderDiffPage(
    { difference, old: "old.state", new: "new.state", limit },
    WRITTEN,
  );
}

Deno.test("a stream, CPR state, and what is damaged", async (t) => {
  await t.assertSnapshot(outlineOf(page(withRam())));
  const state = await data("cpr-exec-q35-plain.qcpr");
  await t.assertSnapshot(outlineOf(page(state)));
  const damaged = page(withRam().slice(0, 4200));
  assertStringIncludes(damaged, "Damaged");
  assertStringIncludes(damaged, '<section class="error">');
  assert(!damaged.includes("<h3>Devices"));
  const unsent = page(await data("cpr-exec-q35-plain.vm.state"));
  assert(page(withRam()).includes(">Pages<") && !unsent.includes(">Pages<"));
});

Deno.test("a difference, and none", async (t) => {
  const now = withRam();
  now[now.lastIndexOf(5, now.lastIndexOf(0x7e))] = 12;
  await t.assertSnapshot(outlineOf(diffPage(withRam(), now)));
  assertStringIncludes(diffPage(now, now), "No difference");
  assertStringIncludes(diffPage(withRam(), everyType()), 'tr class="removed"');
  assertStringIncludes(diffPage(withRam(), now), "memory is the same");
  // A page of a block that one of them has alone is not compared.
  const renamed = renamedBlock(new TextEncoder().encode("/rom@etc/y"));
  const other = diffPage(withRam(), renamed);
  assertStringIncludes(other, "Guest memory differs");
  assert(!other.includes("memory is the same"));
});

/** With another name of ten bytes for a block. */
function renamedBlock(name: Uint8Array): Uint8Array {
  const bytes = withRam();
  const text = new TextDecoder("latin1").decode(bytes);
  for (const { index } of text.matchAll(/\/rom@etc\/x/g)) {
    bytes.set(name, index);
  }
  return bytes;
}

Deno.test("names and values of a stream are text on its page", () => {
  const evil = "<script>alert(1)</script>";
  const bytes = renamedBlock(new TextEncoder().encode('"><b>&\u001b[xy'));
  for (const text of [page(bytes, 1000, evil), diffPage(withRam(), bytes)]) {
    assert(!text.includes("<script>") && !text.includes("<b>&"));
    assert(!text.includes("\u001b"));
    // It is well-formed: each end tag has its start tag.
    const open: string[] = [];
    for (const { kind, value, isEmpty } of tokensOf(text)) {
      if (kind === "start" && !isEmpty) open.push(value);
      if (kind === "end") assertEquals(open.pop(), value);
    }
    assertEquals(open, []);
  }
});

Deno.test("a page has no more rows than it may", async () => {
  const bytes = await data("cpr-exec-pc-rich.vm.state");
  const rows = (text: string) => text.match(/<dt>|<summary|<tr>/g)?.length ?? 0;
  assert(rows(page(bytes, 100_000)) > 1000);
  const few = page(bytes, 50);
  assert(rows(few) < 70, `${rows(few)}`);
  assertStringIncludes(few, "more are left out (--limit 50)");
  const other = await data("cpr-exec-q35-plain.vm.state");
  const difference = diffPage(bytes, other, 50);
  assertStringIncludes(difference, 'class="row removed"');
  assert(rows(difference) < 120);
  assertStringIncludes(difference, "more are left out (--limit 50)");
});
