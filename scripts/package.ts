/**
 * Builds a Debian package: the bundle and its Deno unpacked in /usr/lib, with
 * units, manual page and completions. The same source makes the same bytes.
 *
 * @module
 */

import { commit } from "../lib/cli/commit.ts";
import { VERSION } from "../lib/version.ts";
import { bundle } from "./compile/bundle.ts";
import { writeChecksum } from "./compile/checksum.ts";
import { BuildError } from "./compile/error.ts";
import { componentsOf } from "./compile/licences.ts";
import { runtimeFor } from "./compile/runtime.ts";
import { control, debianArchitecture } from "./package/control.ts";
import { HELP, type PackageOptions, parseOptions } from "./package/options.ts";
import { makeTree, put } from "./package/tree.ts";
import { run } from "../testing/qemu/builds/child.ts";
import { runBuild } from "./compile/task.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const BUILD_TIMEOUT_MS = 300_000;
const MAINTAINER_SCRIPTS = ["postinst", "prerm", "postrm"];
const CONFIGURATION = "/etc/default/cprctl\n";

/** Builds the package; returns its path. */
async function build(options: PackageOptions): Promise<string> {
  const { target, into } = options;
  await Deno.mkdir(into, { recursive: true });
  const work = await Deno.makeTempDir({ dir: into, prefix: ".build-" });
  try {
    const name = `cprctl_${VERSION}_${debianArchitecture(target)}.deb`;
    const made = `${work}/${name}`;
    const seconds = await sourceDate();
    await makeRoot(`${work}/root`, work, seconds, options);
    await run(
      // gzip makes the same bytes on however many cores.
      ["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", "root", made],
      {
        timeoutMs: BUILD_TIMEOUT_MS,
        cwd: work,
        env: { SOURCE_DATE_EPOCH: String(seconds) },
      },
    );
    await writeChecksum(made, `${into}/${name}`);
    await Deno.rename(made, `${into}/${name}`);
    return `${into}/${name}`;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function makeRoot(
  root: string,
  work: string,
  seconds: number,
  { target, runtime }: PackageOptions,
): Promise<void> {
  const folder = `${work}/bundle`;
  await Deno.mkdir(folder);
  await Deno.mkdir(root, { mode: 0o755 });
  const builtFrom = await commit();
  const names = await bundle(folder, builtFrom);
  await makeTree(root, {
    bundle: { folder, names },
    runtime: await runtimeFor(target, runtime),
    components: await componentsOf(names.map((name) => `${folder}/${name}`)),
    commit: builtFrom,
    seconds,
  });
  const { kibibytes, sums } = await measure(root);
  await put(root, "DEBIAN/control", control(target, kibibytes));
  await put(root, "DEBIAN/md5sums", sums);
  await put(root, "DEBIAN/conffiles", CONFIGURATION);
  for (const name of [...MAINTAINER_SCRIPTS, "triggers"]) {
    const text = await Deno.readFile(`${ROOT}scripts/package/${name}`);
    await put(
      root,
      `DEBIAN/${name}`,
      text,
      name === "triggers" ? 0o644 : 0o755,
    );
  }
}

/** Of all files: KiB as dpkg counts them, and what `md5sum -c` reads. */
async function measure(
  root: string,
): Promise<{ kibibytes: number; sums: string }> {
  const said = await run(
    ["find", "usr", "-type", "f", "-printf", "%s %p\\n"],
    { timeoutMs: BUILD_TIMEOUT_MS, cwd: root },
  );
  const files = said.trim().split("\n").map((line) => {
    const [size = "", path = ""] = line.split(" ");
    return { size: Number(size), path };
  }).sort((a, b) => (a.path < b.path ? -1 : 1));
  const [first, ...others] = files.map(({ path }) => path);
  if (first === undefined) throw new BuildError("No file was made", {});
  return {
    kibibytes: files.reduce((sum, { size }) => sum + Math.ceil(size / 1024), 0),
    sums: await run(["md5sum", first, ...others], {
      timeoutMs: BUILD_TIMEOUT_MS,
      cwd: root,
    }),
  };
}

/** When the source was last changed, in seconds since 1970. */
async function sourceDate(): Promise<number> {
  const given = Deno.env.get("SOURCE_DATE_EPOCH") || await run(
    ["git", "-C", ROOT, "log", "-1", "--format=%ct"],
    { timeoutMs: BUILD_TIMEOUT_MS },
  ).catch((cause) => {
    throw new BuildError("Cannot date the package: git tells no commit", {
      remedy: "Set SOURCE_DATE_EPOCH to seconds since 1970",
      cause,
    });
  });
  const seconds = Number(given);
  if (Number.isSafeInteger(seconds) && seconds > 0) return seconds;
  throw new BuildError(`Cannot date the package "${given}"`, {
    remedy: "Set SOURCE_DATE_EPOCH to seconds since 1970",
  });
}

if (import.meta.main) {
  await runBuild(HELP, () => parseOptions(Deno.args, `${ROOT}dist`), build);
}
