import { assertEquals } from "@std/assert";
import { PriorityLender } from "../../ffi/priority_loan.ts";
import { spawn } from "../../ffi/spawn.ts";
import { withoutLeaks } from "./leaks.ts";

const NO_PROCESS = 2 ** 22 + 1;
const FOR_LONG_MS = 30_000;

Deno.test("a loan is over with its time", () =>
  withoutLeaks(async () => {
    using child = spawn(["sleep", "1000"], { descriptors: new Map() });
    using lender = new PriorityLender();
    const loans = [1, 2, 3].map((ms) => lender.lend(child.pid, ms));
    assertEquals(await Promise.all(loans), ["over", "over", "over"]);
  }));

Deno.test("a loan ends with the thread that has it", () =>
  withoutLeaks(async () => {
    using child = spawn(["sleep", "1000"], { descriptors: new Map() });
    using lender = new PriorityLender();
    const loan = lender.lend(child.pid, FOR_LONG_MS);
    await lender.lend(child.pid, 1); // the other one has begun, most likely
    child.kill("SIGKILL");
    // Where it had not begun there is nobody to lend to.
    const end = await loan;
    assertEquals(end === "released" || end === "refused", true, end);
  }));

Deno.test("nobody is lent to who is not there", () =>
  withoutLeaks(async () => {
    using lender = new PriorityLender();
    assertEquals(await lender.lend(NO_PROCESS, FOR_LONG_MS), "refused");
  }));
