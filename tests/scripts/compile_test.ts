import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { assertMatch, assertStringIncludes } from "@std/assert";
import { UsageError } from "../../lib/errors.ts";
import { checkExecutable } from "../../scripts/compile/elf.ts";
import { BuildError } from "../../scripts/compile/error.ts";
import { parseOptions } from "../../scripts/compile/options.ts";
import { PERMISSIONS } from "../../scripts/compile/permissions.ts";
import { targetOf } from "../../scripts/compile/target.ts";
import { runProgram } from "../../testing/program/run.ts";
import { runBuild } from "./built.ts";

/** A port that nobody listens on: what is fetched through it is not fetched. */
const NO_NETWORK = {
  HTTP_PROXY: "http://127.0.0.1:9",
  HTTPS_PROXY: "http://127.0.0.1:9",
};

/** The machine that this is not. */
const OTHER = targetOf(Deno.build.arch === "x86_64" ? "aarch64" : "x86_64");

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function contents(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
}

Deno.test("a target is named by its architecture or by all of it", () => {
  const arm = targetOf("aarch64");
  assertEquals(arm.triple, "aarch64-unknown-linux-gnu");
  assertEquals(targetOf("aarch64-unknown-linux-gnu"), arm);
  assertThrows(() => targetOf("riscv64"), UsageError, '"riscv64"');
});

Deno.test("the command line of the build", () => {
  const usual = parseOptions([], "dist");
  assertEquals([usual?.target.triple, usual?.form, usual?.into], [
    Deno.build.target,
    undefined,
    "dist",
  ]);
  const words = ["--form=portable", "--into", "x", "--target", "aarch64"];
  const named = parseOptions(words, "dist");
  assertEquals([named?.target, named?.form, named?.into], [
    targetOf("aarch64"),
    "portable",
    "x",
  ]);
  assertEquals(parseOptions(["--help"], "dist"), undefined);
  for (const wrong of [["--form", "exe"], ["--frm"], ["word"], ["--target"]]) {
    assertThrows(() => parseOptions(wrong, "dist"), UsageError);
  }
});

Deno.test("only an executable for the target is one", async () => {
  const own = targetOf(Deno.build.target);
  await checkExecutable(Deno.execPath(), own);
  await assertRejects(
    () => checkExecutable(Deno.execPath(), OTHER),
    BuildError,
    OTHER.architecture,
  );
  await assertRejects(
    () => checkExecutable(new URL(import.meta.url).pathname, own),
    BuildError,
    "no ELF",
  );
});

Deno.test("a program for another machine is built, named and refused", async () => {
  const { architecture, triple, elfMachine } = OTHER;
  await inFolder(async (folder) => {
    // As much of an executable as the build looks at.
    const runtime = `${folder}/deno`;
    const bytes = Deno.readFileSync(Deno.execPath()).slice(0, 4096);
    new DataView(bytes.buffer).setUint16(18, elfMachine, true);
    Deno.writeFileSync(runtime, bytes);
    const into = `${folder}/dist`;
    const words = ["--form", "portable", "--target", architecture];
    const built = await runBuild(into, [...words, "--runtime", runtime]);
    assertEquals([built.code, built.stderr], [
      0,
      `It was not run: it is for ${triple}\n`,
    ]);
    assertEquals(contents(into).sort(), [
      `cprctl-${architecture}`,
      `cprctl-${architecture}.sha256`,
    ]);
    const program = `${into}/cprctl-${architecture}`;
    assertEquals(Deno.readFileSync(program).slice(-bytes.length), bytes);

    const { code, stdout, stderr } = await runProgram([program, "version"], {
      env: { XDG_CACHE_HOME: `${folder}/cache` },
    });
    assertEquals([code, stdout, stderr], [
      1,
      "",
      `cprctl: Cannot run on ${Deno.build.arch}: this file is for ` +
      `${architecture}\n`,
    ]);
  });
});

Deno.test("a program brings no runtime for another machine", async () => {
  await inFolder(async (folder) => {
    const { code, stderr } = await runBuild(folder, [
      ...["--form", "portable", "--target", OTHER.architecture],
      ...["--runtime", Deno.execPath()],
    ]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, `not ${OTHER.architecture}`);
    assertStringIncludes(stderr, `Name one for ${OTHER.triple}`);
    assertEquals(contents(folder), []);
  });
});

Deno.test("nothing narrower than all permissions reads /proc", async () => {
  const read = 'Deno.readTextFileSync("/proc/self/stat")';
  const named = ["read", "write", "env", "net", "run", "sys", "ffi"];
  const narrower = [
    named.map((name) => `--allow-${name}`),
    ["--allow-all", "--deny-sys=loadavg"],
  ];
  for (const permissions of [PERMISSIONS, ...narrower]) {
    const { code, stderr } = await runProgram(
      [Deno.execPath(), "run", "--quiet", ...permissions, "-"],
      { stdin: read, env: { NO_COLOR: "1" } },
    );
    if (permissions === PERMISSIONS) assertEquals([code, stderr], [0, ""]);
    else assertStringIncludes(stderr, "Requires all access");
  }
});

Deno.test("a deno in place of denort is found out", async () => {
  await inFolder(async (folder) => {
    const { code, stdout, stderr } = await runBuild(folder, [], {
      DENORT_BIN: Deno.execPath(),
    });
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, "what came out is the Deno CLI");
    assertStringIncludes(stderr, "Let DENORT_BIN name denort");
    assertEquals(contents(folder), []);
  });
});

Deno.test("a denort of one's own that is not there is no reason to fall back", async () => {
  await inFolder(async (folder) => {
    const { code, stderr } = await runBuild(folder, [], {
      DENORT_BIN: `${folder}/denort`,
    });
    assertEquals(code, 1);
    assertStringIncludes(stderr, "Cannot compile with DENORT_BIN");
    assertEquals(contents(folder), []);
  });
});

Deno.test("without a denort it falls back, and says so", async () => {
  await inFolder(async (folder) => {
    for (const name of ["cprctl", "cprctl.sha256"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "of an earlier build");
    }
    const built = await runBuild(folder, [], NO_NETWORK);
    assertEquals(built.code, 0);
    assertEquals(contents(folder).sort(), ["cprctl", "cprctl.sha256"]);
    const cache = { XDG_CACHE_HOME: `${folder}/cache` };
    const { stdout } = await runProgram(
      [`${folder}/cprctl`, "version", "--json"],
      { env: cache },
    );
    assertMatch(
      built.stdout,
      new RegExp(`^Made ${folder}/cprctl, \\d+ MB\n$`),
    );
    const summed = await runProgram(
      ["sha256sum", "--check", "--strict", "cprctl.sha256"],
      { cwd: folder },
    );
    assertEquals([summed.code, summed.stdout], [0, "cprctl: OK\n"]);
    // A machine that has downloaded a denort before still has it.
    if (JSON.parse(stdout).form === "compiled") return;
    assertMatch(built.stderr, /^note: No denort was found.*\n$/);
    assertStringIncludes(built.stderr, "this makes the portable form instead");
  });
});
