/**
 * A QEMU unpacked in a folder of its own, to be run like an installed one.
 *
 * ```
 *   FOLDER/usr/bin/qemu-system-x86_64     interpreter and library path set
 *   FOLDER/usr/bin/qemu-bundle/usr ─────▶ FOLDER/usr
 *   FOLDER/usr/lib, usr/share             C library, loader, firmware
 * ```
 *
 * The loader's and the libraries' places are written into the programs, so
 * that argv[0] and /proc/PID/exe are those of QEMU and not of a loader. A
 * folder "qemu-bundle" beside a QEMU is where it looks for what it else finds
 * in /usr: firmware and modules need no option and no environment.
 *
 * @module
 */

import { ifThere } from "../../../lib/gone.ts";
import { run } from "./child.ts";

/** What is installed; apt adds what these depend on. */
export const PACKAGES: readonly string[] = [
  "qemu-system-x86",
  "qemu-utils",
  "seabios",
  "ipxe-qemu",
  "patchelf",
];

const PROGRAMS = ["qemu-system-x86_64", "qemu-img", "qemu-io"];
const LIBRARIES = "usr/lib/x86_64-linux-gnu";
const LOADER = `${LIBRARIES}/ld-linux-x86-64.so.2`;
const STEP_TIMEOUT_MS = 60_000;

/**
 * Unpacks packages and makes their programs run from where they are.
 *
 * @param folder where to unpack
 * @param home where the folder will stand when all is done; the programs run
 *   only there
 */
export async function install(
  packages: readonly string[],
  folder: string,
  home: string,
): Promise<void> {
  await Deno.mkdir(folder);
  for (const file of packages) {
    await run(["dpkg-deb", "--extract", file, folder], {
      timeoutMs: STEP_TIMEOUT_MS,
    });
  }
  await mergeUsr(folder);
  await Deno.mkdir(`${folder}/usr/bin/qemu-bundle`);
  await Deno.symlink("../..", `${folder}/usr/bin/qemu-bundle/usr`);
  // DT_RPATH, unlike DT_RUNPATH, also serves the libraries' own libraries.
  await run([
    `${folder}/${LOADER}`,
    "--library-path",
    `${folder}/${LIBRARIES}`,
    `${folder}/usr/bin/patchelf`,
    "--set-interpreter",
    `${home}/${LOADER}`,
    "--force-rpath",
    "--set-rpath",
    `$ORIGIN/../../${LIBRARIES}`,
    ...PROGRAMS.map((name) => `${folder}/usr/bin/${name}`),
  ], { timeoutMs: STEP_TIMEOUT_MS });
}

/** Debian 12 still has packages with libraries in /lib. */
async function mergeUsr(folder: string): Promise<void> {
  const libraries = `${folder}/lib`;
  if (await ifThere(Deno.stat(libraries)) === undefined) return;
  await run(["cp", "-a", `${libraries}/.`, `${folder}/usr/lib`], {
    timeoutMs: STEP_TIMEOUT_MS,
  });
}
