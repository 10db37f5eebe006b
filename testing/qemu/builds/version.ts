/** Versions of QEMU and of Debian's packages of it. */

/** The first release with the migration mode cpr-exec. */
const FIRST_WITH_CPR_EXEC = "10.2";

/** The release in a package version: "1:11.1.3+ds-1~bpo13+1" is "11.1.3". */
export function upstreamVersion(packageVersion: string): string {
  const match = /^(?:\d+:)?(\d+(?:\.\d+)+)/.exec(packageVersion);
  if (match?.[1] === undefined) {
    throw new Error(`Cannot read the package version "${packageVersion}"`);
  }
  return match[1];
}

/** The release and package in the first line of `qemu-… --version`. */
export function parseVersion(
  text: string,
): { version: string; package: string } {
  const match = /version (\d+(?:\.\d+)+)(?: \((.*)\))?/.exec(text);
  if (match?.[1] === undefined) {
    throw new Error(`Cannot find a version of QEMU in "${text.trim()}"`);
  }
  return { version: match[1], package: match[2] ?? "" };
}

/** Negative, zero or positive, as release `a` is below, at or above `b`. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split(".").map(Number), b.split(".").map(Number)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether a release has the migration mode cpr-exec. */
export function knowsCprExec(version: string): boolean {
  return compareVersions(version, FIRST_WITH_CPR_EXEC) >= 0;
}
