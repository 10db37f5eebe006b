import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import fc from "fast-check";
import { renderPage } from "../../../lib/cli/html/mod.ts";
import type {
  ErrorDocument,
  Report,
} from "../../../lib/update/report/report.ts";
import { allReport } from "../../../lib/update/all/all_report.ts";
import * as reports from "../reports.ts";
import { embeddedJson, outlineOf, skeletonOf, tokensOf } from "./outline.ts";

const ORIGIN = { host: "hv17", at: new Date("2026-11-22T03:04:05Z") };
const ERROR: ErrorDocument = {
  schema: 1,
  outcome: "error",
  changed: false,
  error: {
    code: "qmp-connect",
    message: 'Cannot connect to "/run/vm/a.qmp": no such file',
    remedy: "Look whether the VM runs",
    qemu: null,
  },
};
const LIST = allReport({
  results: [reports.updated, reports.needsPerson, reports.rolledBack],
  starts: [0, 3000, 500],
  unreadable: 0,
  interrupted: false,
  durationMs: 5000,
  leftOut: [
    {
      pid: 7,
      name: "db-1",
      qmp: "/run/vm/db-1.qmp",
      code: "sandbox",
      due: true,
      why: "<its> reasons",
    },
    {
      pid: 8,
      name: null,
      qmp: null,
      code: "sandbox",
      due: true,
      why: "it has no QMP socket",
    },
  ],
});

Deno.test("each outcome", async (t) => {
  for (const [name, report] of Object.entries(reports)) {
    await t.assertSnapshot(outlineOf(renderPage(report, ORIGIN)), { name });
  }
});

Deno.test("several VMs, none, and what was never started", async (t) => {
  await t.assertSnapshot(outlineOf(renderPage(LIST, ORIGIN)));
  await t.assertSnapshot(
    outlineOf(renderPage({ ...LIST, results: [], starts_ms: [] }, ORIGIN)),
  );
  await t.assertSnapshot(outlineOf(renderPage(ERROR, ORIGIN)));
});

Deno.test("a check is called one, whatever came of it", () => {
  const heading = (view?: "check" | "update") =>
    /<h1>(.*)<\/h1>/.exec(
      renderPage(reports.refused, { ...ORIGIN, view }),
    )?.[1];
  assertEquals([heading("check"), heading("update"), heading()], [
    "Check report",
    "Update report",
    "Update report",
  ]);
});

Deno.test("a refusal is said once, with its options to paste", () => {
  const page = renderPage(reports.refused, ORIGIN);
  const shown = page.slice(0, page.indexOf("<script"));
  for (const { verdict, detail } of reports.refused.checks) {
    const [words = ""] = detail.split('"');
    if (verdict === "refuse") assertEquals(shown.split(words).length, 2, words);
  }
  assertStringIncludes(
    shown,
    "<pre><code>-machine q35,accel=kvm,memory-backend=ram0,aux-ram-share=on " +
      "\\\n-object memory-backend-memfd,id=ram0,size=128M,share=on</code></pre>",
  );
});

Deno.test("the document is inside, as it was", () => {
  for (const document of [...Object.values(reports), LIST, ERROR]) {
    assertEquals(embeddedJson(renderPage(document, ORIGIN)), document);
  }
});

Deno.test("a page needs nothing else, and runs nothing", () => {
  const page = renderPage(LIST, ORIGIN);
  for (const { value, attributes } of tokensOf(page)) {
    assert(!["link", "img", "iframe", "object", "base"].includes(value), value);
    for (const [name, text] of attributes) {
      assert(!/^(src|on\w+|style|action)$/.test(name), name);
      if (name === "href") assert(text.startsWith("#"), text);
      if (value === "script" && name === "type") {
        assertEquals(text, "application/json");
      }
    }
  }
  assertEquals(page.match(/@import|url\(|https?:/g), null);
});

Deno.test("every id is one element's, and every reference has one", () => {
  const attributes = tokensOf(renderPage(LIST, ORIGIN))
    .flatMap((token) => token.attributes);
  const of = (wanted: string) =>
    attributes.filter(([name]) => name === wanted).map(([, value]) => value);
  const ids = of("id");
  assertEquals(new Set(ids).size, ids.length);
  const named = of("aria-labelledby").flatMap((value) => value.split(" "));
  const linked = of("href").map((value) => value.slice(1));
  assert(named.length > 0 && linked.length > 0);
  assertEquals([...named, ...linked].filter((id) => !ids.includes(id)), []);
});

Deno.test("headings go down one step at a time", () => {
  for (const document of [...Object.values(reports), LIST, ERROR]) {
    let last = 0;
    for (const { kind, value } of tokensOf(renderPage(document, ORIGIN))) {
      const [, level] = kind === "start" ? /^h(\d)$/.exec(value) ?? [] : [];
      if (level === undefined) continue;
      assert(Number(level) <= last + 1, `${value} below h${last}`);
      last = Number(level);
    }
    assertEquals(last > 0, true);
  }
});

Deno.test("no text becomes markup, wherever it stands", () => {
  const hostile = fc.oneof(
    fc.constantFrom(
      "</script><script>alert(1)</script>",
      '"><img src=x onerror=alert(1)>',
      "<!--<script>",
      "]]></desc></svg><b>",
      "</style></title>\u2028\u2029\u0000\u202e",
      "&lt;b&gt; ' ` ${x} \ud800",
    ),
    fc.string({ unit: "binary" }),
  );
  const harmless = skeletonOf(renderPage(spoken("a"), ORIGIN));
  fc.assert(fc.property(hostile, (text) => {
    const page = renderPage(spoken(text), ORIGIN);
    assertEquals(skeletonOf(page), harmless);
    assertEquals(embeddedJson(page), spoken(text));
    outlineOf(page);
  }));
});

Deno.test("what turns the direction of writing is shown as its code", () => {
  const page = renderPage(spoken("a\u202eb\u0007"), ORIGIN);
  assertStringIncludes(page, "a\\u202eb\\x07");
  // The JSON is data: it keeps what the report says.
  const shown = page.slice(0, page.indexOf("<script"));
  assert(!shown.includes("\u202e") && !shown.includes("\u0007"));
});

Deno.test("no bar leaves the page, whatever the times are", () => {
  const time = fc.double({ min: 0, max: 1e7, noNaN: true });
  const phase = fc.record({
    name: fc.constant("load" as const),
    start_ms: time,
    duration_ms: time,
  });
  fc.assert(fc.property(
    fc.array(phase, { minLength: 1, maxLength: 4 }),
    fc.option(time),
    fc.option(time),
    (phases, downtime_start_ms, length) => {
      const downtime_ms = downtime_start_ms === null ? null : length;
      const times = { phases, downtime_start_ms, downtime_ms };
      const page = renderPage({ ...reports.updated, ...times }, ORIGIN);
      for (const { value, attributes } of tokensOf(page)) {
        if (value !== "rect") continue;
        const of = new Map(attributes);
        const x = parseFloat(of.get("x") ?? "");
        const width = parseFloat(of.get("width") ?? "");
        assert(x >= 0 && width >= 0 && x + width <= 100.02, `${x} ${width}`);
      }
    },
  ));
});

/** A report in which everything that others wrote is that text. */
function spoken(text: string): Report {
  const program = { program: text, version: text, package: text, exe: text };
  return {
    ...reports.rolledBack,
    vm: { name: text, uuid: text, qmp: text, machine: text },
    from: program,
    to: program,
    checks: [{ id: text, verdict: "warn", detail: text, remedy: text }],
    command_changes: [{ from: text, to: text, why: text }],
    differences: [{
      ...{ what: text, before: text, after: text, why: text },
      verdict: "seen-by-guest",
    }],
    before_after: [{ what: text, before: text, after: `${text}x` }],
    warnings: [text],
    error: { code: text, message: text, remedy: text, qemu: text },
  };
}

Deno.test("every VM's bars stand where its turn was", () => {
  const page = renderPage(LIST, ORIGIN);
  const starts = [...page.matchAll(/<svg class="strip".*?<\/svg>/gs)]
    .map(([strip]) => /class="bar[^>]* x="([\d.]+)%"/.exec(strip)?.[1]);
  // The worst first: it was begun after 3 of 5 seconds.
  assertEquals(starts.slice(0, 3), ["60", "10", "0"]);
});

Deno.test("VMs left out are in the headline", () => {
  const all = { ...LIST, results: [reports.updated], starts_ms: [0] };
  const page = renderPage(all, ORIGIN);
  assertMatch(page, /class="careful all"/);
  assertMatch(page, /<\/span> 1 updated, 2 left out<\/span>/);
});
