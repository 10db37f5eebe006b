/** A number as it stands in messages. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
