/** A line of /proc/PID/status. */
export function statusLine(status: string, name: string): string {
  const value = new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1];
  if (value === undefined) throw new Error(`No "${name}" in /proc/PID/status`);
  return value;
}
