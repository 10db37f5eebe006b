import { assertEquals } from "@std/assert";
import { PriorityBooster } from "../../ffi/priority_boost.ts";
import { spawn } from "../../ffi/spawn.ts";
import { withoutLeaks } from "./leaks.ts";

const NO_PROCESS = 2 ** 22 + 1;
const FOR_LONG_MS = 30_000;

Deno.test("a boost ends at its timeout", () =>
  withoutLeaks(async () => {
    using child = spawn(["sleep", "1000"], { descriptors: new Map() });
    using booster = new PriorityBooster();
    const boosts = [1, 2, 3].map((ms) => booster.boost(child.pid, ms));
    assertEquals(await Promise.all(boosts), ["over", "over", "over"]);
  }));

Deno.test("a boost ends with the thread that has it", () =>
  withoutLeaks(async () => {
    using child = spawn(["sleep", "1000"], { descriptors: new Map() });
    using booster = new PriorityBooster();
    const boost = booster.boost(child.pid, FOR_LONG_MS);
    await booster.boost(child.pid, 1); // the other one has begun, most likely
    child.kill("SIGKILL");
    // Where it had not begun there is not boosted.
    const end = await boost;
    assertEquals(end === "released" || end === "refused", true, end);
  }));

Deno.test("a process that is not there is not boosted", () =>
  withoutLeaks(async () => {
    using booster = new PriorityBooster();
    assertEquals(await booster.boost(NO_PROCESS, FOR_LONG_MS), "refused");
  }));
