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
  "max-bandwidth": number | bigint;
  /** Milliseconds; kept for the asking. */
  "downtime-limit": number | bigint;
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
