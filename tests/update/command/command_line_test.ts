import { assertEquals } from "@std/assert";
import { CommandLine } from "../../../lib/update/command/command_line.ts";

Deno.test("the embedded machine's options follow its subcommand", () => {
  const argv = ["deno", "run", "-A", "main.ts", "machine", "-m", "64M"];
  assertEquals(CommandLine.parse("cprctl", argv).texts("m"), ["64M"]);
});
