/**
 * Debian packages of another suite, through this machine's own apt.
 *
 * Apt is given a private root: its own sources, lists, cache, and an empty
 * package database, so that dependencies resolve within the suite down to the
 * C library and nothing of this machine changes. Mirror, proxy and keys are
 * this machine's; apt verifies every signature and every hash.
 *
 * @module
 */

import { run } from "./child.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const UPDATE_TIMEOUT_MS = 120_000;
const DOWNLOAD_TIMEOUT_MS = 600_000;
const QUERY_TIMEOUT_MS = 30_000;
/** What a machine's sources may call the release they name. */
const MOVING_NAMES = ["oldstable", "stable", "testing", "unstable", "sid"];

/** A private apt root that sees one suite, or a suite and its base. */
export class AptRoot {
  readonly #config: string;
  readonly #archives: string;

  private constructor(config: string, archives: string) {
    this.#config = config;
    this.#archives = archives;
  }

  /**
   * Makes the root in an empty folder and fetches the suites' indexes.
   *
   * @param suites the preferred one last
   * @param keyring whose keys may have signed them; Debian's unless given
   * @throws {Error} if a suite cannot be fetched or is not signed by one
   */
  static async create(
    folder: string,
    mirror: string,
    suites: readonly [...string[], string],
    keyring = KEYRING,
  ): Promise<AptRoot> {
    const config = `${folder}/apt.conf`;
    const archives = `${folder}/cache/archives`;
    await Deno.mkdir(`${folder}/lists/partial`, { recursive: true });
    await Deno.mkdir(`${archives}/partial`, { recursive: true });
    await Deno.mkdir(`${folder}/parts`);
    await Deno.writeTextFile(`${folder}/status`, "");
    await Deno.writeTextFile(
      `${folder}/sources.list`,
      suites.map((it) => `deb [signed-by=${keyring}] ${mirror} ${it} main\n`)
        .join(""),
    );
    await Deno.writeTextFile(config, configuration(folder, suites.at(-1)));
    const root = new AptRoot(config, archives);
    await root.#apt("apt-get", ["update", "-qq"], UPDATE_TIMEOUT_MS);
    return root;
  }

  /** The version of a package that would be installed. */
  async candidate(name: string): Promise<string> {
    const text = await this.#apt(
      "apt-cache",
      ["policy", name],
      QUERY_TIMEOUT_MS,
    );
    const version = /^ {2}Candidate: (\S+)$/m.exec(text)?.[1];
    if (version === undefined || version === "(none)") {
      throw new Error(`Cannot find the package "${name}"`);
    }
    return version;
  }

  /** Fetches packages with all they depend on; returns the .deb files. */
  async download(packages: readonly string[]): Promise<string[]> {
    await this.#apt("apt-get", [
      "install",
      "-qq",
      "--yes",
      "--download-only",
      "--no-install-recommends",
      ...packages,
    ], DOWNLOAD_TIMEOUT_MS);
    return await packagesIn(this.#archives);
  }

  /** The packages that a package depends on, by name. */
  async dependencies(name: string): Promise<string[]> {
    const text = await this.#apt(
      "apt-cache",
      ["depends", "--important", name],
      QUERY_TIMEOUT_MS,
    );
    return [...text.matchAll(/^ +\|?Depends: ([^\s<>]+)$/gm)]
      .map(([, found = ""]) => found);
  }

  /** Fetches packages without what they depend on; returns the .deb files. */
  async downloadAlone(
    packages: readonly string[],
    folder: string,
  ): Promise<string[]> {
    await run(
      ["apt-get", "-c", this.#config, "download", "-qq", ...packages],
      { timeoutMs: DOWNLOAD_TIMEOUT_MS, cwd: folder },
    );
    return await packagesIn(folder);
  }

  #apt(program: string, args: readonly string[], timeoutMs: number) {
    return run([program, "-c", this.#config, ...args], { timeoutMs });
  }
}

async function packagesIn(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".deb")) files.push(`${folder}/${name}`);
  }
  return files.sort();
}

/**
 * Read after the machine's own configuration. The machine's hooks are cleared:
 * they tell other programs of updates that concern this root alone. A mirror
 * that stands still has a lapsed date and is as good as any for a test; its
 * signature has to hold all the same. Apt fetches as root where it runs as
 * root, for its usual user may not be able to enter the folder.
 */
function configuration(folder: string, suite: string | undefined): string {
  return `#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::NeverAutoRemove;
APT::Default-Release "${suite}";
APT::Sandbox::User "root";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State "${folder}";
Dir::State::lists "lists";
Dir::State::status "${folder}/status";
Dir::Cache "${folder}/cache";
Dir::Etc::sourcelist "${folder}/sources.list";
Dir::Etc::sourceparts "${folder}/parts";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "${folder}/parts";
Dir::Log "${folder}";
`;
}

/** The Debian mirror of this machine's own apt sources. */
export async function machineMirror(): Promise<string> {
  const [release, targets] = await Promise.all([
    Deno.readTextFile("/etc/os-release"),
    run([
      "apt-get",
      "indextargets",
      "--no-release-info",
      "--format",
      "$(REPO_URI) $(RELEASE) $(COMPONENT)",
    ], { timeoutMs: QUERY_TIMEOUT_MS }),
  ]);
  return pickMirror(targets, /^VERSION_CODENAME=(\S+)$/m.exec(release)?.[1]);
}

/**
 * The first mirror that serves Debian itself, neither a third party's
 * packages nor security updates alone.
 *
 * @param targets lines of "URI RELEASE COMPONENT"
 * @param codename the machine's own release
 */
export function pickMirror(
  targets: string,
  codename: string | undefined,
): string {
  for (const line of targets.split("\n")) {
    const [uri, release, component] = line.split(" ");
    if (uri === undefined || release === undefined) continue;
    if (component !== "main") continue;
    if (release === codename || MOVING_NAMES.includes(release)) return uri;
  }
  throw new Error("Cannot find a Debian mirror in the configuration of apt");
}
