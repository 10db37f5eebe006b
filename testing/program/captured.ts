import type { CliProcess, Look } from "../../lib/cli/process.ts";

/** Eighty columns, no colours. */
export const PLAIN: Look = { width: 80, colour: false, unicode: true };

/** A process whose output is kept. */
export interface CapturedProcess extends CliProcess {
  /** What was written so far, standard output and standard error apart. */
  readonly written: { stdout: string; stderr: string };
}

/** A process that writes to memory. */
export function capturedProcess(): CapturedProcess {
  const written = { stdout: "", stderr: "" };
  const into = (name: keyof typeof written) => ({
    isTerminal: false,
    failure: undefined,
    get isUsed() {
      return written[name] !== "";
    },
    canOverwrite: false,
    getColorDepth: () => 1,
    write(text: string) {
      written[name] += text;
    },
    offer(text: string) {
      written[name] += text;
    },
  });
  return {
    stdout: into("stdout"),
    stderr: into("stderr"),
    look: PLAIN,
    debug: false,
    written,
  };
}
