/**
 * Executes the program that its first argument names, JSON or the name of a file
 * of JSON behind an "@"; where that
 * fails, prints the error and what the process is like afterwards.
 */
import { execvp } from "../../../ffi/exec.ts";
import { OsError } from "../../../ffi/libc.ts";
import { getLimit } from "../../../ffi/limits.ts";

interface Order {
  readonly argv: string[];
  readonly file?: string;
  readonly environment?: Record<string, string>;
  readonly openFiles?: { soft: string; hard: string };
  /** Variables that the process sets in its own environment before. */
  readonly set?: Record<string, string>;
}

const [word = ""] = Deno.args;
const order: Order = JSON.parse(
  word.startsWith("@") ? Deno.readTextFileSync(word.slice(1)) : word,
);
for (const [name, value] of Object.entries(order.set ?? {})) {
  Deno.env.set(name, value);
}

/** All that exec touches. */
function state() {
  const { soft, hard } = getLimit("NOFILE");
  return {
    signals: Deno.readTextFileSync("/proc/self/status").match(/^Sig[PBIC].*/gm),
    soft: `${soft}`,
    hard: `${hard}`,
    environment: Deno.env.toObject(),
  };
}

const before = state();
try {
  execvp(order.argv, {
    file: order.file,
    ...(order.environment && { environment: order.environment }),
    ...(order.openFiles && {
      openFiles: {
        soft: BigInt(order.openFiles.soft),
        hard: BigInt(order.openFiles.hard),
      },
    }),
  });
} catch (error) {
  if (!(error instanceof OsError)) throw error;
  const { code, syscall, detail = null } = error;
  const after = state();
  console.log(JSON.stringify({ code, syscall, detail, before, after }));
}
