/** The text of an error on a terminal. */

import { codeOf, CprctlError, messageOf, remedyOf } from "../../errors.ts";
import type { ErrorDocument } from "../../update/report/report.ts";
import { sealed, sealedText } from "../../update/report/sealed.ts";
import { printable } from "../../inert.ts";

/** Deeper causes are rarely useful. */
const MAX_CAUSES = 3;

/**
 * An error in a few lines: what happened, why, and what to do.
 *
 * ```text
 * error: Cannot connect to "/run/vm/a.qmp"
 *   because: connect failed: Connection refused
 *   try: Start QEMU with -qmp unix:/run/vm/a.qmp,server=on,wait=off
 * ```
 *
 * @param debug whether to add the stack trace
 */
export function errorText(error: unknown, debug: boolean): string {
  const lines = [`error: ${sealedMessage(error)}`];
  for (const cause of causesOf(error)) {
    lines.push(`  because: ${sealedMessage(cause)}`);
  }
  const remedy = firstRemedy(error);
  if (remedy !== undefined) lines.push(`  try: ${remedy}`);
  if (debug && error instanceof Error && error.stack !== undefined) {
    lines.push(...error.stack.split("\n").slice(1));
  }
  return lines.map(printable).join("\n");
}

/** The document that `--json` prints for an error. */
export function errorDocument(error: unknown): ErrorDocument {
  const messages = [error, ...causesOf(error)].map(sealedMessage);
  return sealed({
    schema: 1, // a constant of its own would load the schemas at each start
    outcome: "error",
    changed: false,
    error: {
      code: codeOf(error),
      message: messages.join(": "),
      remedy: firstRemedy(error) ?? null,
      qemu: null,
    },
  });
}

/** The exit code of an error. */
export function exitCodeOf(error: unknown): number {
  return error instanceof CprctlError ? error.exitCode : 1;
}

/** The message of any thrown value. */
function sealedMessage(error: unknown): string {
  const message = messageOf(error);
  return message === "" ? "Unknown error" : sealedText(message);
}

/** The remedy; undefined if there is none. */
function firstRemedy(error: unknown): string | undefined {
  for (const each of [error, ...causesOf(error)]) {
    const remedy = remedyOf(each);
    if (remedy !== undefined) return remedy;
  }
  return undefined;
}

/** The causes of an error, nearest first, without duplicates. */
function causesOf(error: unknown): unknown[] {
  const chain = new Set([error]);
  let cause = error;
  while (cause instanceof Error && cause.cause !== undefined) {
    cause = cause.cause;
    if (chain.has(cause)) break;
    chain.add(cause);
  }
  const said: string[] = [];
  const news = [...chain].filter((each) => {
    const message = sealedMessage(each);
    const isNew = !said.some((text) => text.includes(message));
    said.push(message);
    return isNew;
  });
  return news.slice(1, 1 + MAX_CAUSES);
}
