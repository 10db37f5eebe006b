import { assertEquals } from "@std/assert";
import { CommandLine } from "../../../lib/update/command/command_line.ts";

Deno.test("the embedded machine's options follow its subcommand", () => {
  const argv = ["deno", "run", "-A", "main.ts", "machine", "-m", "64M"];
  assertEquals(CommandLine.parse("cprctl", argv).texts("m"), ["64M"]);
});

Deno.test("an option that only the program knows has a value if a word follows", () => {
  const argv = ["kvm", "-id", "100", "-fast", "-m", "1G", "--other"];
  const line = CommandLine.guess("QEMU", argv);
  assertEquals(line.texts("id"), ["100"]);
  assertEquals([line.has("fast"), line.has("other")], [true, true]);
  assertEquals(line.texts("m"), ["1G"]);
  // A hundred thousand of them are read at once, not each with all others.
  const many = Array.from({ length: 100_000 }, (_, at) => `-x${at}`);
  assertEquals(
    CommandLine.guess("QEMU", ["kvm", ...many]).uses.length,
    100_000,
  );
});
