/** A guest that runs, and writes, while its RAM is sent. */

import { assertEquals } from "@std/assert";
import { parseUri } from "../../lib/channel/mod.ts";
import { RAM_BASE } from "../../lib/machine/cpu/mod.ts";
import { STATUS, STATUS_WORD } from "../../lib/machine/guest/mod.ts";
import { DEADLINE_MS } from "../../testing/machine/mod.ts";
import { until } from "../../testing/program/until.ts";
import { Local } from "./local.ts";

Deno.test("what a busy guest writes meanwhile is at the destination", async () => {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-live-" });
  try {
    using source = new Local();
    using destination = new Local(["-incoming", "defer", "-S"]);
    const { outgoing, parameters } = source.machine;
    await source.ticks();
    source.ram[0]?.set([1], STATUS - RAM_BASE + STATUS_WORD.busy);
    const main = parseUri(`unix:${folder}/s`);
    destination.machine.startIncoming(main, false);
    parameters["downtime-limit"] = 0;
    await outgoing.start({ main });
    // With luck there is a moment in which nothing is left.
    await until(
      "it has tried for long",
      DEADLINE_MS,
      () => (outgoing.ram?.["dirty-sync-count"] ?? Infinity) > 10,
    );
    parameters["downtime-limit"] = 300;
    await outgoing.settled();
    assertEquals(outgoing.status, "completed");
    await until(
      "it is loaded",
      DEADLINE_MS,
      () => destination.machine.incoming.status === "completed",
    );
    assertEquals(destination.ram, source.ram);
    destination.machine.cont();
    await destination.ticks();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
