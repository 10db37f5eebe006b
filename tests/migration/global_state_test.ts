import { assertEquals, assertThrows } from "@std/assert";
import {
  type GlobalState,
  globalStateOf,
  RUN_STATES,
  runStateOf,
} from "../../lib/migration/mod.ts";
import { InvalidValue } from "../../lib/vmstate/mod.ts";

Deno.test("every run state survives", () => {
  for (const state of RUN_STATES) {
    assertEquals(runStateOf(globalStateOf(state)), state);
  }
});

Deno.test("what the embedded machine does not write is refused", () => {
  const good = globalStateOf("running");
  const text = (words: string) => {
    const runState = new Uint8Array(32);
    runState.set(new TextEncoder().encode(words));
    return runState;
  };
  const wrong: Partial<GlobalState>[] = [
    { size: 7 },
    { size: 9 },
    { runState: text("runninG") },
    { runState: text("running\0x") },
    { runState: new Uint8Array(32).fill(0x61), size: 33 },
    { runState: text(""), size: 1 },
    { hasWasSuspended: false },
    { wasSuspended: true },
    { reserved: new Uint8Array(66).fill(1, 65) },
  ];
  for (const change of wrong) {
    assertThrows(() => runStateOf({ ...good, ...change }), InvalidValue);
  }
});
