import { MigrationError } from "./error.ts";

/** How much of the machine survives by itself. */
export const MIGRATION_MODES = [
  "normal",
  "cpr-reboot",
  "cpr-transfer",
  "cpr-exec",
] as const;
export type MigrationMode = (typeof MIGRATION_MODES)[number];

/** The migration parameters that the embedded machine knows, QMP's names. */
export interface MigrationParameters {
  mode: MigrationMode;
  /** argv of the program to execute in mode cpr-exec. */
  "cpr-exec-command": readonly string[];
  /** Bytes a second; kept for the asking, a file needs no limit. */
  "max-bandwidth": number;
  /** Milliseconds; kept for the asking. */
  "downtime-limit": number;
}

/** What a new process starts with: nothing is inherited over exec. */
export function defaultParameters(): MigrationParameters {
  return {
    mode: "normal",
    "cpr-exec-command": [],
    "max-bandwidth": 134_217_728,
    "downtime-limit": 300,
  };
}

/**
 * Checks a mode's name.
 *
 * @throws {MigrationError} when there is no such mode
 */
export function parseMode(text: string): MigrationMode {
  const mode = MIGRATION_MODES.find((mode) => mode === text);
  if (mode === undefined) {
    throw new MigrationError(
      "bad-parameter",
      `Parameter "mode" does not accept value "${text}"`,
      { remedy: `Give one of ${MIGRATION_MODES.join(", ")}` },
    );
  }
  return mode;
}
