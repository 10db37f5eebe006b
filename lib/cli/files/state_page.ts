/** Writes pages about saved states. */

import { ifThereSync } from "../../gone.ts";
import { UsageError } from "../../errors.ts";
import {
  type DiffPage,
  renderDiffPage,
  renderStatePage,
  type StatePage,
  type Written,
} from "../html/mod.ts";
import { PRIVATE, replaceFile, UnwrittenFileError } from "./replace.ts";

/**
 * Makes sure that a page does not replace a state that is read.
 *
 * @throws {UsageError} when it would
 */
export function refuseInput(page: string, inputs: readonly string[]): void {
  const at = (path: string) => {
    const info = ifThereSync(() => Deno.statSync(path));
    return info === undefined ? undefined : `${info.dev}:${info.ino}`;
  };
  const place = at(page);
  const input = inputs.find((path) => path !== "-" && at(path) === place);
  if (place === undefined || input === undefined) return;
  throw new UsageError(`Cannot write the report over "${input}"`, {
    remedy: "Give --report another file",
  });
}

/**
 * Writes a page about one state, and replaces the file atomically.
 *
 * @throws {UnwrittenFileError}
 */
export async function writeStatePage(
  path: string,
  page: StatePage,
): Promise<void> {
  await writePage(path, (written) => renderStatePage(page, written));
}

/** Likewise about two states. */
export async function writeDiffPage(
  path: string,
  page: DiffPage,
): Promise<void> {
  await writePage(path, (written) => renderDiffPage(page, written));
}

async function writePage(
  path: string,
  render: (written: Written) => string,
): Promise<void> {
  try {
    const text = render({ host: Deno.hostname(), at: new Date() });
    await replaceFile(path, text, PRIVATE);
  } catch (error) {
    throw new UnwrittenFileError("report-file", path, error);
  }
}
