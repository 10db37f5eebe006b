import { assertEquals, assertThrows } from "@std/assert";
import {
  MigrationCapabilities,
  MigrationError,
} from "../../lib/migration/mod.ts";

/** What QEMU 11.1.3 answers to query-migrate-capabilities, in its order. */
const OF_QEMU = `
  xbzrle rdma-pin-all auto-converge events
  postcopy-ram x-colo release-ram return-path
  pause-before-switchover multifd dirty-bitmaps postcopy-blocktime
  late-block-activate x-ignore-shared validate-uuid background-snapshot
  zero-copy-send postcopy-preempt switchover-ack dirty-limit
  mapped-ram
`.trim().split(/\s+/);

Deno.test("the capabilities and their order are those of QEMU 11.1", () => {
  const list = new MigrationCapabilities().list();
  assertEquals(list.map(({ capability }) => capability), OF_QEMU);
  assertEquals(list.some(({ state }) => state), false);
});

Deno.test("a list of capabilities is switched whole, or not at all", () => {
  const capabilities = new MigrationCapabilities();
  const on = (...names: string[]) =>
    capabilities.set(
      names.map((capability) => ({ capability, state: true })),
    );
  on("events", "validate-uuid");
  for (const bad of ["multifd", "nonsense"]) {
    assertThrows(() => on("pause-before-switchover", bad), MigrationError, bad);
  }
  capabilities.set([
    { capability: "validate-uuid", state: false },
    { capability: "multifd", state: false },
  ]);
  const are = capabilities.list().filter(({ state }) => state);
  assertEquals(are.map(({ capability }) => capability), ["events"]);
});
