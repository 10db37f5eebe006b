import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  type Family,
  parseSamples,
  renderFamilies,
} from "../../../lib/update/metrics/exposition.ts";

Deno.test("a family is written as Prometheus reads it", () => {
  const family: Family = {
    name: "vms",
    help: "How many",
    type: "gauge",
    samples: [
      { labels: {}, value: 3 },
      { labels: { name: 'a "b"\\\nc', pid: "7" }, value: 0.0875 },
    ],
  };
  assertEquals(
    renderFamilies([family, { ...family, samples: [] }]),
    `# HELP vms How many
# TYPE vms gauge
vms 3
vms{name="a \\"b\\"\\\\\\nc",pid="7"} 0.0875
# HELP vms How many
# TYPE vms gauge
`,
  );
});

Deno.test("every label is read back as it was written", () => {
  const labels = fc.record({
    name: fc.string({ unit: "binary" }),
    pid: fc.string(),
  });
  const value = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(
      fc.array(fc.record({ labels, value }, { noNullPrototype: true })),
      (samples) => {
        const family = { name: "a_b", help: "", samples } as const;
        const text = renderFamilies([{ ...family, type: "counter" }]);
        assertEquals(
          [...parseSamples(text)],
          samples.map(({ labels, value }) => ({
            name: "a_b",
            labels: { ...labels },
            value: value === 0 ? 0 : value, // "-0" is not told from "0"
          })),
        );
      },
    ),
  );
});

Deno.test("lines of another form are ignored", () => {
  const text = [
    "",
    "# a comment",
    "vms{name=unquoted} 1",
    'vms{name="open} 1',
    'vms{name="a"b="c"} 1',
    "vms NaN",
    "vms +Inf",
    "vms one",
    "vms",
    "vms 1 1795379850",
    "\0\x01",
  ].join("\n");
  assertEquals([...parseSamples(text)], []);
});
