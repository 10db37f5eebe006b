/** The checksum that stands beside what was built. */

/** The path of a file's checksum. */
export function checksumPath(path: string): string {
  return `${path}.sha256`;
}

/**
 * Writes it, as `sha256sum -c` reads it in the folder of both.
 *
 * @param made the file that was made
 * @param path where it will stand
 */
export async function writeChecksum(made: string, path: string): Promise<void> {
  const bytes = await Deno.readFile(made);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  const name = path.slice(path.lastIndexOf("/") + 1);
  await Deno.writeTextFile(
    checksumPath(path),
    `${new Uint8Array(digest).toHex()}  ${name}\n`,
  );
}
