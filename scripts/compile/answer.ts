/**
 * What a built program answers.
 *
 * It is asked as it will be on a host that knows nothing of it: in an empty
 * folder, with no environment but a PATH.
 *
 * @module
 */

import type { VersionInfo } from "../../lib/cli/version_info.ts";
import { VERSION } from "../../lib/version.ts";
import { BuildError } from "./error.ts";
import type { BuiltForm } from "./options.ts";
import type { Target } from "./target.ts";

/** The first start unpacks 100 MB. */
const ANSWER_TIMEOUT_MS = 60_000;

/** What a built program must be. */
export interface Expected {
  readonly commit: string | null;
  readonly form: BuiltForm;
  readonly target: Target;
}

/**
 * Runs a built program and checks what it says of itself.
 *
 * @throws {BuildError} if it is not the program that was to be built
 */
export async function checkAnswer(
  program: string,
  expected: Expected,
): Promise<void> {
  const said = await askVersion(program);
  const { commit, form, target } = expected;
  const want = { version: VERSION, commit, form, target: target.triple };
  const have = parse(said.stdout);
  const wrong = Object.entries(want)
    .filter(([key, value]) => have[key] !== value)
    .map(([key, value]) => `${key} is ${show(have[key])}, not ${show(value)}`);
  if (wrong.length === 0) return;
  throw new BuildError(
    `Cannot use what was built: ${wrong.join(", ")}\n${said.stderr}`,
    {
      remedy: form === "compiled"
        ? `Let DENORT_BIN name a denort of Deno ${Deno.version.deno}`
        : "Run deno task check: the program itself seems broken",
    },
  );
}

interface Said {
  readonly stdout: string;
  readonly stderr: string;
}

async function askVersion(program: string): Promise<Said> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-build-" });
  try {
    // It may be named from the folder that the build runs in.
    const path = await Deno.realPath(program);
    const { stdout, stderr } = await new Deno.Command(path, {
      args: ["version", "--json"],
      cwd: folder,
      clearEnv: true,
      // What it unpacks goes away again.
      env: { PATH: "/usr/bin:/bin", XDG_CACHE_HOME: `${folder}/cache` },
      stdin: "null",
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    }).output();
    const decoder = new TextDecoder();
    return { stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Anything but the JSON document says nothing. */
function parse(text: string): Partial<VersionInfo> & Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function show(value: unknown): string {
  return value === undefined ? "not said" : JSON.stringify(value);
}
