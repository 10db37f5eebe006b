/** A line of /proc/PID/status. */
export function statusLine(status: string, name: string): string {
  // A value may be nothing: not the next line then.
  const value = new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1];
  if (value === undefined) throw new Error(`No "${name}" in /proc/PID/status`);
  return value;
}
