import { assertEquals } from "@std/assert";
import { oldCommand } from "../../../lib/update/command/old_command.ts";
import { factsOf, MACHINE, NOTHING_LIVE, OLD_BINARY, WAITING } from "./vm.ts";

/** The options that the old program is started with in a rollback. */
function oldOptions(...words: readonly string[]): readonly string[] {
  const machine = ["-machine", MACHINE];
  const argv = oldCommand(factsOf([...machine, ...words]), NOTHING_LIVE);
  assertEquals(argv.slice(0, 3), [OLD_BINARY, ...machine]);
  assertEquals(argv.slice(-WAITING.length), WAITING);
  return argv.slice(3, -WAITING.length);
}

Deno.test("a VM that went back does not end with cprctl", () => {
  assertEquals(oldOptions("-run-with", "exit-with-parent=on", "-usb"), [
    "-usb",
  ]);
  assertEquals(
    oldOptions("--run-with", "async-teardown=on,exit-with-parent=on"),
    ["--run-with", "async-teardown=on"],
  );
});

Deno.test("the old command line waits, and keeps the rest of its words", () => {
  const kept = ["-name", "a vm", "-run-with", "async-teardown=on"];
  assertEquals(oldOptions(...kept, "-daemonize"), kept);
});
