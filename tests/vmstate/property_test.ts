import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Sink, Source, StreamError } from "../../lib/stream/mod.ts";
import { loadState, saveState } from "../../lib/vmstate/mod.ts";
import { type Described, described } from "./arbitrary.ts";

const DEPTH = 2;

function save({ state, value }: Described): Uint8Array<ArrayBuffer> {
  const sink = new Sink();
  saveState(state, value, sink);
  return sink.toBytes();
}

Deno.test("what any description saves, it loads", () => {
  fc.assert(
    fc.property(described("dev", DEPTH), (dev) => {
      const source = new Source(save(dev));
      const value = loadState(dev.state, source);
      assertEquals(source.remaining, 0);
      assertEquals(value, dev.value);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("what any description loads, it saves to the same bytes", () => {
  fc.assert(
    fc.property(described("dev", DEPTH), (dev) => {
      const bytes = save(dev);
      const value = loadState(dev.state, new Source(bytes));
      assertEquals(save({ state: dev.state, value }), bytes);
    }),
    { numRuns: 500 },
  );
});

Deno.test("a torn state is a typed error, whatever the description", () => {
  fc.assert(
    fc.property(described("dev", DEPTH), fc.nat(), (dev, at) => {
      const bytes = save(dev);
      const torn = bytes.subarray(0, at % Math.max(1, bytes.length));
      try {
        loadState(dev.state, new Source(torn));
      } catch (error) {
        assert(error instanceof StreamError, `${error}`);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("a changed state is a value or a typed error", () => {
  fc.assert(
    fc.property(
      described("dev", DEPTH),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (dev, at, mask) => {
        const bytes = save(dev);
        if (bytes.length === 0) return;
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ mask;
        const source = new Source(bytes);
        try {
          const value = loadState(dev.state, source);
          // Nothing is read but what saving writes, old content of gaps apart.
          assertEquals(save({ state: dev.state, value }).length, source.offset);
        } catch (error) {
          assert(error instanceof StreamError, `${error}`);
        }
      },
    ),
    { numRuns: 1000 },
  );
});
