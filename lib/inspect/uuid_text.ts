/** Formats 16 bytes as a UUID. */
export function uuidText(uuid: Uint8Array): string {
  return uuid.toHex().replace(
    /^(.{8})(.{4})(.{4})(.{4})(.{12})$/,
    "$1-$2-$3-$4-$5",
  );
}
