import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { OsError } from "../../../ffi/libc.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { PidFd } from "../../../ffi/process.ts";
import { type BriefEnd, runBriefly } from "../../../lib/brief_run.ts";
import {
  Sandbox,
  type SandboxStart,
} from "../../../lib/update/standby/sandbox.ts";
import { cprctlWords } from "../../../testing/program/program.ts";
import { contextOf } from "./context_of.ts";

const ignore = Deno.uid() !== 0;
const USER = ["setpriv", "--reuid=65534", "--regid=65533", "--groups=7,8"];
const NOTHING = ["/bin/sh", "-c", "echo; read _"];
const TIMEOUT_MS = 30_000;

/** Runs a script in the sandbox of a process that these words start. */
async function runIn(
  wrapper: readonly string[],
  script: string,
  use: (end: BriefEnd) => void | Promise<void>,
  place: (pid: number) => void = () => undefined,
  how: Partial<SandboxStart> = {},
): Promise<void> {
  const [first = "", ...args] = [...wrapper, ...NOTHING];
  const process = new Deno.Command(first, {
    args,
    env: { SECRET: "of the model" },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.getReader();
  try {
    await reader.read(); // the wrapper is done
    place(process.pid);
    const { context, pinned: opened } = await contextOf(process.pid);
    using pinned = opened;
    const sandbox = new Sandbox(context, pinned.files, {
      self: cprctlWords(),
      strict: true,
    });
    await use(
      await runBriefly("/bin/sh", {
        args: ["-c", script],
        output: "stdout",
        maximum: 10_000,
        timeoutMs: TIMEOUT_MS,
        start: (what) => sandbox.start({ ...what, ...how }),
      }),
    );
  } finally {
    await process.stdin.close();
    await reader.cancel();
    await process.status;
  }
}

Deno.test({
  name: "a program in a sandbox has the VM's user, and cannot change it",
  ignore,
  fn: () =>
    runIn(
      USER,
      "id -u; id -g; id -G; grep -E '^(Cap|NoNew)' /proc/self/status; env",
      ({ text, failure }) => {
        assertEquals(failure, undefined);
        assert(text.startsWith("65534\n65533\n65533 7 8\n"), text);
        const caps = text.match(/^Cap\w+:\t0+$/gm);
        assertEquals(caps?.length, 5, text);
        assertStringIncludes(text, "NoNewPrivs:\t1");
        assert(!/SECRET|HOME/.test(text), text);
      },
    ),
});

Deno.test({
  name: "a program in a sandbox has the VM's seccomp filters",
  ignore,
  fn: () =>
    runIn(
      [
        ...[Deno.execPath(), "run", "--quiet", "--allow-all"],
        new URL("../../ffi/programs/under_filter.ts", import.meta.url).pathname,
        ...USER,
      ],
      "grep ^Seccomp: /proc/self/status",
      ({ text, failure }) => {
        assertEquals([failure, text], [undefined, "Seccomp:\t2\n"]);
      },
    ),
});

Deno.test({
  name: "root's program has no capabilities in a sandbox either",
  ignore,
  fn: () =>
    runIn(["env"], "grep CapEff /proc/self/status", ({ text }) => {
      assertEquals(text, "CapEff:\t0000000000000000\n");
    }),
});

Deno.test({
  name: "a program in a sandbox has no terminal, and inherits no descriptor",
  ignore,
  async fn() {
    using secret = createMemfd("secret", { cloexec: false });
    assert(!secret.cloexec);
    await runIn(
      USER,
      "cat /proc/self/stat; ls /proc/self/fd; readlink /proc/self/fd/0",
      ({ text }) => {
        const [stat = "", ...open] = text.trimEnd().split("\n");
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        assertEquals(fields[4], "0", "it has a terminal");
        // The fourth one is the folder that ls reads.
        assertEquals(open, ["0", "1", "2", "3", "/dev/null"]);
      },
    );
  },
});

Deno.test({
  name: "the VM's running program is executed, whatever is at its path",
  ignore,
  fn: () =>
    runIn(
      USER,
      "",
      ({ text, failure }) => {
        assertEquals(failure, undefined);
        assertEquals(text, "/nowhere/qemu\n");
      },
      undefined,
      {
        argv: ["/nowhere/qemu", "-c", 'echo "$0"'],
        moduleFolder: "/nowhere",
      },
    ),
});

Deno.test({
  name: "children of a program in a sandbox end with it",
  ignore,
  fn: () =>
    runIn(
      USER,
      // The read says which process it is, which then becomes sleep.
      "pid=$(setsid sh -c 'read pid rest </proc/self/stat; echo $pid; " +
        "exec sleep 600 >/dev/null' &); echo $pid",
      async ({ text, failure }) => {
        assertEquals(failure, undefined);
        const pid = Number(text);
        assert(pid > 1, text);
        using process = openIfThere(pid);
        assert(process === undefined || await process.exited(TIMEOUT_MS));
      },
    ),
});

Deno.test({
  name: "a program in a sandbox is in the VM's control groups",
  ignore,
  async fn() {
    const folder = pidsGroup(`cprctl-test-${crypto.randomUUID()}`);
    Deno.mkdirSync(folder);
    try {
      await runIn(
        USER,
        "cat /proc/self/cgroup",
        ({ text }) => {
          assertStringIncludes(text, folder.replace(/^.*\//, "/"));
        },
        (pid) => Deno.writeTextFileSync(`${folder}/cgroup.procs`, `${pid}`),
      );
    } finally {
      Deno.removeSync(folder);
    }
  },
});

/** A group, of either version, where the host has them. */
function pidsGroup(name: string): string {
  const own = Deno.readTextFileSync("/proc/self/cgroup");
  const [, path] = /^\d+:pids:(.*)$/m.exec(own) ?? [];
  if (path !== undefined) return `/sys/fs/cgroup/pids/${name}`;
  return `/sys/fs/cgroup/${name}`;
}

function openIfThere(pid: number): PidFd | undefined {
  try {
    return PidFd.open(pid);
  } catch (error) {
    if (error instanceof OsError && error.code === "ESRCH") return undefined;
    throw error;
  }
}
