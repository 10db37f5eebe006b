import { assertEquals, assertThrows } from "@std/assert";
import { parseExecWords } from "../../lib/cpr/exec_wrapper.ts";
import { UsageError } from "../../lib/errors.ts";

Deno.test("the command is everything after the dashes", () => {
  assertEquals(parseExecWords(["--", "qemu", "--", "--log", "x"]), {
    log: undefined,
    command: ["qemu", "--", "--log", "x"],
  });
  assertEquals(parseExecWords(["--log", "/run/log", "--", "--help"]), {
    log: "/run/log",
    command: ["--help"],
  });
});

Deno.test("help comes first or not at all", () => {
  assertEquals(parseExecWords(["--help"]), undefined);
  assertEquals(parseExecWords(["-h", "--", "qemu"]), undefined);
  assertThrows(() => parseExecWords(["--log", "x", "-h"]), UsageError);
});

Deno.test("what is not understood is refused by name", () => {
  const cases: [string[], string][] = [
    [[], "No command given"],
    [["--"], "No command given"],
    [["--log", "x"], "No command given"],
    [["qemu"], 'Unexpected argument "qemu"'],
    [["-x", "--", "qemu"], 'Unexpected argument "-x"'],
    [["--log", "--", "qemu"], "Missing value for option --log"],
    [["--log", "x", "y", "--", "qemu"], 'Unexpected argument "y"'],
  ];
  for (const [words, message] of cases) {
    assertThrows(() => parseExecWords(words), UsageError, message);
  }
});
