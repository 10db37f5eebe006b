/** RunState of QMP. */
export const RUN_STATES = [
  "debug",
  "inmigrate",
  "internal-error",
  "io-error",
  "paused",
  "postmigrate",
  "prelaunch",
  "finish-migrate",
  "restore-vm",
  "running",
  "save-vm",
  "shutdown",
  "suspended",
  "watchdog",
  "guest-panicked",
  "colo",
] as const;
export type RunState = (typeof RUN_STATES)[number];

/** The run state of that name, or undefined. */
export function parseRunState(text: string): RunState | undefined {
  return RUN_STATES.find((state) => state === text);
}
