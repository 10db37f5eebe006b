/**
 * What the PACKAGED command of postcopy carries: the devices, which the
 * destination needs whole before guest memory goes on. There is no vmdesc of
 * them, so that a section ends where its footer stands.
 *
 * ```
 * package = (command | FULL section)…          no EOF
 * ```
 *
 * @module
 */

import { Source, StreamError } from "../../stream/mod.ts";
import { readCommand, type StreamCommand } from "./commands.ts";
import { RecordType } from "./constants.ts";
import { findSections, type FoundSection } from "./find_sections.ts";

/** A package as far as it can be taken apart. */
export interface Package {
  readonly commands: readonly (StreamCommand & { readonly offset: number })[];
  readonly sections: readonly FoundSection[];
  /** Bytes from its start that are those. */
  readonly read: number;
}

/**
 * Takes a package apart.
 *
 * @param offset where it stands in the stream
 */
export function openPackage(
  stream: Uint8Array,
  offset: number,
  size: number,
): Package {
  const bytes = stream.subarray(0, offset + size);
  const commands: (StreamCommand & { offset: number })[] = [];
  const sections: FoundSection[] = [];
  let at = offset;
  for (;;) {
    if (bytes[at] === RecordType.SECTION_FULL) {
      const found = findSections(bytes, at);
      if (found.sections.length === 0) break;
      for (const section of found.sections) sections.push(section);
      at = found.end;
    } else if (bytes[at] === RecordType.COMMAND) {
      const command = commandAt(bytes, at);
      if (command === undefined) break;
      commands.push({ ...command.command, offset: at });
      at = command.end;
    } else break;
  }
  return { commands, sections, read: at - offset };
}

function commandAt(
  bytes: Uint8Array,
  at: number,
): { command: StreamCommand; end: number } | undefined {
  const source = new Source(bytes);
  source.seek(at + 1);
  try {
    return { command: readCommand(source), end: source.offset };
  } catch (error) {
    // The bytes end, or are none: what is left is not readable.
    if (error instanceof StreamError) return undefined;
    throw error;
  }
}
