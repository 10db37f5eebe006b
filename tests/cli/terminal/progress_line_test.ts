import { assertEquals } from "@std/assert";
import { ProgressLine } from "../../../lib/cli/terminal/progress_line.ts";
import { capturedProcess } from "../../../testing/program/captured.ts";

const LARGE = 1024 * 1024 * 1024;

/** A process whose standard error is a terminal that can overwrite, or not. */
function terminal(canOverwrite: boolean) {
  const process = capturedProcess();
  const stderr = { ...process.stderr, isTerminal: true, canOverwrite };
  return { ...process, stderr };
}

/** What is written while half, and all, of so many bytes are done. */
function shown(
  size: number,
  passes: number,
  process = terminal(true),
): string {
  {
    using line = new ProgressLine(process, size, passes);
    for (let pass = 0; pass < passes; pass++) {
      if (pass > 0) line.nextPass();
      for (const part of [0.25, 0.5, 0.25, 0.5, 1]) line.show(part * size);
    }
  }
  return process.written.stderr;
}

Deno.test("each step is shown once, and then taken away", () => {
  assertEquals(shown(LARGE, 1), "\r  25 %\r  50 %\r  100 %\r\u001b[K");
});

Deno.test("passes share the way", () => {
  assertEquals(
    shown(LARGE, 2),
    "\r  12 %\r  25 %\r  50 %\r  62 %\r  75 %\r  100 %\r\u001b[K",
  );
});

Deno.test("short work is not shown, nor any where no line is written over", () => {
  assertEquals(shown(1024, 1), "");
  assertEquals(shown(LARGE, 1, terminal(false)), "");
});
