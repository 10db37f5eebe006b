/** Formats figures. */

/** A duration: 0.4 ms, 91.3 ms, 1.25 s. */
export function formatDuration(milliseconds: number): string {
  return milliseconds < 999.95
    ? `${milliseconds.toFixed(1)} ms`
    : `${(milliseconds / 1000).toFixed(2)} s`;
}

/** A size in binary units: 512 B, 64 MiB, 1.5 GiB. */
export function formatSize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toFixed(1))} ${units[unit]}`;
}
