/** The migration modes, MigMode of QMP. */
export const MIGRATION_MODES = [
  "normal",
  "cpr-reboot",
  "cpr-transfer",
  "cpr-exec",
] as const;
export type MigrationMode = (typeof MIGRATION_MODES)[number];

/** The migration parameters that the embedded machine supports. */
export interface MigrationParameters {
  mode: MigrationMode;
  /** argv of the program to execute in mode cpr-exec. */
  "cpr-exec-command": readonly string[];
  /** Bytes a second while the guest runs; 0 is no limit. */
  "max-bandwidth": number | bigint;
  /** Milliseconds that the last of RAM may take, while the guest is stopped. */
  "downtime-limit": number | bigint;
}

/** The defaults in a new process; nothing is inherited over the exec. */
export function defaultParameters(): MigrationParameters {
  return {
    mode: "normal",
    "cpr-exec-command": [],
    "max-bandwidth": 134_217_728,
    "downtime-limit": 300,
  };
}
