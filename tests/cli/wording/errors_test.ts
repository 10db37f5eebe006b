import { assertEquals, assertMatch } from "@std/assert";
import { errorText, exitCodeOf } from "../../../lib/cli/wording/errors.ts";
import { CprctlError, UsageError } from "../../../lib/errors.ts";

Deno.test("an error, its causes and its remedy", () => {
  const root = new Error("No such file or directory");
  const middle = new Error("connect failed: ECONNREFUSED", { cause: root });
  const error = new CprctlError("qmp", 'Cannot connect to "/run/a.qmp"', {
    remedy: "Start QEMU with -qmp",
    cause: middle,
  });
  assertEquals(
    errorText(error, false),
    [
      'error: Cannot connect to "/run/a.qmp"',
      "  because: connect failed: ECONNREFUSED",
      "  because: No such file or directory",
      "  try: Start QEMU with -qmp",
    ].join("\n"),
  );
});

Deno.test("a cause that the message has said is not said again", () => {
  const cause = new Error("refused");
  assertEquals(
    errorText(new Error("Cannot connect: refused", { cause }), false),
    "error: Cannot connect: refused",
  );
});

Deno.test("a cause's remedy counts where the error has none", () => {
  const cause = new UsageError("Cannot find it", { remedy: "Look again" });
  assertEquals(
    errorText(new Error("Cannot run", { cause }), false),
    "error: Cannot run\n  because: Cannot find it\n  try: Look again",
  );
});

Deno.test("a circle of causes ends", () => {
  const error = new Error("Cannot run");
  error.cause = error;
  assertEquals(errorText(error, false), "error: Cannot run");
});

Deno.test("where it was thrown is shown only to who asks", () => {
  assertEquals(errorText(new Error("Cannot run"), false), "error: Cannot run");
  assertMatch(errorText(new Error("Cannot run"), true), /\n {4}at .*_test\.ts/);
});

Deno.test("what is thrown need not be an error", () => {
  assertEquals(errorText("text", false), "error: text");
  assertEquals(errorText(new Error(""), false), "error: Unknown error");
});

Deno.test("a message cannot command the terminal", () => {
  assertEquals(
    errorText(new Error("a\u001b[2Jb\u202e"), false),
    "error: a\\x1b[2Jb\\u202e",
  );
});

Deno.test("the exit code is the error's own", () => {
  assertEquals(exitCodeOf(new UsageError("Cannot run")), 2);
  assertEquals(exitCodeOf(new CprctlError("x", "Cannot run")), 1);
  assertEquals(exitCodeOf(new Error("Cannot run")), 1);
});
