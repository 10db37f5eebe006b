/** The portable program, as a host meets it. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { VERSION } from "../../lib/version.ts";
import { type Ended, runProgram } from "../../testing/program/run.ts";
import { exists } from "../../testing/program/exists.ts";
import { buildPortable } from "./built.ts";

const EXEC_FIXTURE =
  new URL("../cpr/exec_fixture.ts", import.meta.url).pathname;
const NOBODY = 65534;

let folder = "";
let portable = "";

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  // Others than its owner are to run what is in it.
  await Deno.chmod(folder, 0o755);
  portable = await buildPortable(folder);
});

Deno.test.afterAll(async () => {
  await Deno.remove(folder, { recursive: true });
});

/** With a cache of its own, filled by the first test that needs it. */
function warm(): Record<string, string> {
  return { XDG_CACHE_HOME: `${folder}/cache` };
}

Deno.test("it tells its form, and where it is", async () => {
  const { code, stdout, stderr } = await runProgram(
    [portable, "version", "--json"],
    { env: warm() },
  );
  assertEquals([code, stderr], [0, ""]);
  const { version, form, target } = JSON.parse(stdout);
  assertEquals([version, form, target], [
    VERSION,
    "portable",
    Deno.build.target,
  ]);
});

Deno.test("it has the licences of all that is in it", async () => {
  const { code, stdout, stderr } = await runProgram(
    [portable, "version", "--licences"],
    { env: warm() },
  );
  assertEquals([code, stderr], [0, ""]);
  const titles = stdout.split("\n").filter((_, at, lines) =>
    lines[at + 1]?.startsWith("=====") && lines[at - 1]?.startsWith("=====")
  );
  assertEquals(titles.map((title) => title.split(" ")[0]), [
    "cprctl",
    "@stricli/core",
    "@valibot/to-json-schema",
    "get-east-asian-width",
    "valibot",
    "Deno",
    "V8",
  ]);
  for (
    const text of [
      "Apache License",
      "Copyright (c) Fabian Hiller",
      "the Deno authors",
      "the V8 project authors",
    ]
  ) assertStringIncludes(stdout, text);
});

Deno.test("a relative path and a link lead to it", async () => {
  await Deno.symlink(portable, `${folder}/link`);
  for (const path of ["./cprctl", "./link"]) {
    const said = await runProgram([path, "version"], {
      env: warm(),
      cwd: folder,
    });
    assertEquals(said, { code: 0, stdout: `cprctl ${VERSION}\n`, stderr: "" });
  }
});

Deno.test("it starts itself again", async () => {
  const { code, stdout, stderr } = await runProgram(
    [portable, "demo", "--json"],
    { env: warm() },
  );
  assertEquals([code, JSON.parse(stdout).outcome], [0, "updated"], stderr);
});

Deno.test("it hands over what it was handed, and nothing of its own", async () => {
  const said = `${folder}/said`;
  const words = [
    "two words",
    "a\nline",
    `"'$(id)\\`,
    "",
    "*",
    "--help",
    "é\x01",
  ];
  const record = `
    { for word do echo "<$word>"; done | head -n ${
    words.length + 1
  }; env; ulimit -Sn; readlink /proc/$$/fd/3 /proc/$$/fd/9
      (set -- /proc/$$/fd/*; echo $#); cat; } >"$said"
    shift ${words.length}
    exec "$@"`;
  const open = 'exec 3</dev/null 9</dev/zero; ulimit -Sn 512; exec "$@"';
  const record_ = ["/bin/sh", "-c", record, "sh", ...words];
  const opened = ["/bin/sh", "-c", open, "sh"];
  const env = {
    PATH: "/usr/bin:/bin",
    PWD: folder,
    said,
    cprctl: "of others",
    NODE_NO_WARNINGS: "1",
    ...warm(),
  };
  const results: string[] = [];
  for (const wrapper of [[], [portable, "exec", "--"]]) {
    const { stdout, stderr } = await runProgram([
      Deno.execPath(),
      "run",
      "--allow-all",
      EXEC_FIXTURE,
      "",
      ...opened,
      ...wrapper,
      ...record_,
    ], { env, clearEnv: true, cwd: folder, stdin: "what it reads" });
    assertEquals(JSON.parse(stdout).blocks.length, 2, stderr);
    results.push(await Deno.readTextFile(said));
  }
  const [without = "", withWrapper = ""] = results;
  assertEquals(withoutOpenFiles(withWrapper), withoutOpenFiles(without));
  assert(without.startsWith(words.map((word) => `<${word}>\n`).join("")));
  assertStringIncludes(without, "\n512\n/dev/null\n/dev/zero\n");
  assert(without.endsWith("what it reads"));
});

Deno.test("no variable that is meant for another Deno or Node reaches it", async () => {
  const loaded = `${folder}/loaded`;
  const library = `${folder}/library.cjs`;
  await Deno.writeTextFile(
    library,
    `require("node:fs").writeFileSync(${JSON.stringify(loaded)}, "");`,
  );
  const written = `${folder}/written`;
  const strange = {
    NODE_OPTIONS: `--require ${library}`,
    DENO_COVERAGE_DIR: written,
    DENO_AUDIT_PERMISSIONS: written,
    DENO_PERMISSION_BROKER_PATH: `${folder}/nobody`,
    DENO_V8_FLAGS: "--no-such-flag",
    LINES_OF: "one\nexport NODE_b c=\nexport DENO_D*",
  };
  const { code, stdout, stderr } = await runProgram(
    [portable, "version"],
    { env: { ...warm(), ...strange } },
  );
  assertEquals([code, stdout, stderr], [0, `cprctl ${VERSION}\n`, ""]);
  assert(!exists(loaded), "it loaded what NODE_OPTIONS names");
  assert(!exists(written), "it wrote what DENO_* names");
});

/** Of the environment, in any order, what a program may tell its successor. */
function withoutOpenFiles(said: string): string {
  return said.split("\n").filter((line) =>
    !/^(CPRCTL_OPEN_FILES|QEMU_CPR_EXEC_STATE)=/.test(line)
  ).sort().join("\n");
}

/** Whether this process may lay other file systems over those of a host. */
async function canMount(): Promise<boolean> {
  try {
    const { code } = await runProgram(
      ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
    );
    return code === 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const ignore = !await canMount();
if (ignore) console.warn("No mount namespace: the tests of a bare host wait");

/**
 * Runs a script on a bare host: nothing was unpacked on it yet, and the program
 * is alone in a folder and on no PATH.
 */
async function onBareHost(script: string): Promise<Ended> {
  const setUp = `
    set -e
    mount --bind "${folder}" /mnt
    for place in /var/cache /run; do mount -t tmpfs -o mode=755 none $place; done
    for place in /var/tmp /tmp /dev/shm; do
      mount -t tmpfs -o mode=1777 none $place
    done
    mkdir /run/empty
    cd /run/empty
    cprctl() { env -i PATH=/usr/bin:/bin /mnt/cprctl "$@"; }
    nobody() {
      setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups \\
        env -i PATH=/usr/bin:/bin "$@"
    }
    set +e`;
  return await runProgram(
    ["unshare", "--mount", "/bin/sh", "-c", setUp + script],
    { clearEnv: true, env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } },
  );
}

Deno.test({
  name: "with a PATH and nothing else it runs, from a cache of its own",
  ignore,
  async fn() {
    const { stdout, stderr } = await onBareHost(`
      cprctl version
      cprctl --help | head -n 1
      cprctl exec --
      echo $?
      ls -A /run/empty
      stat -c '%a %u' /var/cache/cprctl /var/cache/cprctl/*
      ls /var/cache/cprctl/*/deno_dir | grep -c .
      mount --bind -o ro /var/cache /var/cache
      cprctl version`);
    const [version, title, ...rest] = stdout.split("\n");
    assertEquals(version, `cprctl ${VERSION}`);
    assertEquals(title, "USAGE");
    assertEquals(rest.slice(0, 3), ["2", "700 0", "700 0"]);
    assert(Number(rest[3]) > 0, "Deno keeps its notes elsewhere");
    assertEquals(rest.slice(4), [`cprctl ${VERSION}`, ""]);
    assertEquals(stderr.match(/^.*: No command given$/gm)?.length, 1, stderr);
  },
});

Deno.test({
  name: "those that start at once unpack one cache, waiting or not",
  ignore,
  async fn() {
    const { stdout, stderr } = await onBareHost(`
      for start in 1 2 3 4 5 6 7 8; do cprctl version & done
      wait
      ls -A /var/cache/cprctl | wc -l
      mount --bind /dev/null "$(command -v flock)"
      rm -r /var/cache/cprctl
      for start in 1 2 3; do cprctl version & done
      wait
      ls -A /var/cache/cprctl | wc -l`);
    const version = `cprctl ${VERSION}\n`;
    assertEquals(stdout, `${version.repeat(8)}1\n${version.repeat(3)}1\n`);
    assertEquals(stderr, "");
  },
});

Deno.test({
  name: "a user without a home has a cache that is nobody else's",
  ignore,
  async fn() {
    // One place was taken by another user, and one leads to where it is safe.
    const { stdout, stderr } = await onBareHost(`
      mkdir -m 0777 /var/tmp/cprctl-${NOBODY}
      nobody mkdir -m 0700 /dev/shm/elsewhere
      ln -s /dev/shm/elsewhere /tmp/cprctl-${NOBODY}
      nobody /mnt/cprctl version
      nobody /mnt/cprctl version
      ls -A /var/tmp/cprctl-${NOBODY} /dev/shm/elsewhere
      stat -c '%a %u' /dev/shm/cprctl-${NOBODY}
      find /dev/shm/cprctl-${NOBODY} ! -uid ${NOBODY}
      ls -A /dev/shm/cprctl-${NOBODY} | wc -l
      chown -R 1 /dev/shm/cprctl-${NOBODY}
      nobody /mnt/cprctl version`);
    const version = `cprctl ${VERSION}\n`;
    const empty = `/dev/shm/elsewhere:\n\n/var/tmp/cprctl-${NOBODY}:\n`;
    assertEquals(stdout, `${version}${version}${empty}700 ${NOBODY}\n1\n`);
    assertStringIncludes(stderr, "Cannot unpack itself: no place is fit");
    for (const place of ["/var/tmp", "/tmp", "/dev/shm"]) {
      assertStringIncludes(
        stderr,
        `${place}/cprctl-${NOBODY}: it is no folder of mode 0700`,
      );
    }
  },
});

Deno.test("a torn download says so, and nothing else", async () => {
  const torn = `${folder}/torn`;
  await Deno.copyFile(portable, torn);
  const { size } = await Deno.stat(torn);
  await Deno.truncate(torn, size - 1_000_000);
  const { code, stderr } = await runProgram([torn, "version"], {
    env: { XDG_CACHE_HOME: `${folder}/torn-cache` },
  });
  assertEquals([code, stderr], [
    1,
    `cprctl: Cannot unpack itself: "${torn}" is damaged: fetch it again\n`,
  ]);
});

Deno.test({
  name: "what became unfit is unpacked again",
  ignore,
  async fn() {
    const { stdout, stderr } = await onBareHost(`
      cprctl version
      : >"$(echo /var/cache/cprctl/*/deno)"
      cprctl version
      rm /var/cache/cprctl/*/main.js
      cprctl version
      ls -A /var/cache/cprctl | wc -l`);
    assertEquals(stdout, `cprctl ${VERSION}\n`.repeat(3) + "1\n");
    assertEquals(stderr, "");
  },
});

Deno.test({
  name: "whichever file is removed or truncated, the next start heals it",
  ignore,
  async fn() {
    // recover is the command that is called when something went wrong.
    const { stdout, stderr } = await onBareHost(`
      cprctl version
      harm() {
        (cd /var/cache/cprctl/*-* && eval "$1")
        cprctl recover
        (cd /var/cache/cprctl/*-* && sha256sum --quiet -c sums && echo healed)
      }
      harm 'rm recover-*.js'
      harm 'truncate -s 100 recover-*.js'
      harm 'for file in chunk-*.js; do : >"$file"; done'
      harm 'rm sums'
      harm 'truncate -s 5000000 deno'`);
    const once = "No unfinished update was found\nhealed\n";
    assertEquals([stdout, stderr], [
      `cprctl ${VERSION}\n${once.repeat(5)}`,
      "",
    ]);
  },
});

Deno.test({
  name: "other versions are removed, unless a process runs from them",
  ignore,
  async fn() {
    const { stdout, stderr } = await onBareHost(`
      cprctl version >/dev/null
      cd /var/cache/cprctl
      own=$(echo *-*)
      for other in 0.0.8 0.0.9; do
        cp -a "$own" "$other-0123456789abcdef"
      done
      mkdir 0.0.7-0123456789abcdef notes
      rm -r "$own"
      mkfifo /run/hold
      env -i 0.0.9-0123456789abcdef/deno eval --quiet \
        'Deno.readTextFileSync("/run/hold")' &
      exec 3>/run/hold
      cprctl version
      ls | grep -vxF "$own"
      exec 3>&-
      wait
      rm -r "$own"
      cprctl version
      ls | grep -vxF "$own"`);
    const kept = "0.0.7-0123456789abcdef\nnotes\n";
    const version = `cprctl ${VERSION}\n`;
    assertEquals([stdout, stderr], [
      `${version}0.0.7-0123456789abcdef\n0.0.9-0123456789abcdef\nnotes\n` +
      `${version}${kept}`,
      "",
    ]);
  },
});

Deno.test({
  name: "what cannot be kept, or executed there, goes to the next place",
  ignore,
  async fn() {
    const { stdout, stderr } = await onBareHost(`
      cp /mnt/cprctl /run/damaged
      printf x | dd of=/run/damaged bs=1 seek=60000000 conv=notrunc 2>/dev/null
      mount -t tmpfs -o ro,mode=755 none /var/cache
      mount --bind -o noexec /run /run
      mount -t tmpfs -o size=20m,mode=1777 none /var/tmp
      mount -t tmpfs -o noexec,mode=1777 none /tmp
      cprctl version
      ls -d /dev/shm/cprctl-0
      rm -r /dev/shm/cprctl-0
      mount -t tmpfs -o size=20m,mode=1777 none /dev/shm
      cprctl version
      echo $?
      ls -A /var/tmp/cprctl-0 /dev/shm/cprctl-0
      mkdir /run/exec
      mount -t tmpfs -o mode=755 none /run/exec
      env -i XDG_CACHE_HOME=/run/exec /bin/sh /run/damaged version`);
    assertEquals(
      stdout,
      `cprctl ${VERSION}\n/dev/shm/cprctl-0\n1\n` +
        "/dev/shm/cprctl-0:\n\n/var/tmp/cprctl-0:\n",
    );
    for (
      const reason of [
        "Read-only file system",
        "/run/cprctl: its file system executes nothing",
        "/var/tmp/cprctl-0: head: error writing 'standard output': No space left",
        "/tmp/cprctl-0: its file system executes nothing",
        'cprctl: Cannot unpack itself: "/run/damaged" is damaged',
      ]
    ) assertStringIncludes(stderr, reason);
  },
});

Deno.test({
  name: "a host that is read-only but for /run, and lets /tmp execute nothing",
  ignore,
  async fn() {
    const { stdout, stderr } = await onBareHost(`
      mount -o remount,bind,ro /
      for place in /var/cache /var/tmp /dev/shm; do
        mount -o remount,ro $place
      done
      mount -o remount,noexec /tmp
      touch /touched 2>/dev/null || echo read-only
      cprctl version
      cprctl demo --json | grep '"outcome"'
      ls -A /tmp
      stat -c '%a %u' /run/cprctl/*-*`);
    const lines = stdout.split("\n").map((line) => line.trim());
    assertEquals(lines, [
      "read-only",
      `cprctl ${VERSION}`,
      '"outcome": "updated",',
      "700 0",
      "",
    ], stderr);
  },
});
