/** What processes of other users do, while the VMs of a host are listed. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { spawn } from "../../../ffi/spawn.ts";
import { UnreadableError } from "../../../lib/bounded_file.ts";
import type { HostList } from "../../../lib/update/host/list.ts";
import {
  findDescriptor,
  MAXIMUM_DESCRIPTORS,
  readDescriptors,
} from "../../../lib/proc/descriptors.ts";
import { ProcessFiles } from "../../../lib/proc/process_files.ts";
import { linesOf } from "../../../testing/program/lines.ts";
import { inTime } from "../../../testing/program/until.ts";

const PATIENCE_MS = 60_000;
/** Of all that cprctl takes, whatever the VMs do. */
const MOST_MIB = 256;
const PROGRAMS = new URL("./programs/", import.meta.url).pathname;

/** A program that writes its, or another's, pid and stays. */
class Staying implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter;

  private constructor(
    child: Deno.ChildProcess,
    readonly pid: number,
    readonly hangUp: () => Promise<void>,
  ) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
  }

  static async start(words: readonly string[]): Promise<Staying> {
    const [program = "", ...args] = words;
    const child = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = linesOf(child.stdout).getReader();
    const next = inTime(`${program} is ready`, PATIENCE_MS, reader.read());
    const pid = Number((await next).value);
    assert(pid > 0, `"${words.join(" ")}" did not start`);
    return new Staying(child, pid, () => reader.cancel());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 1_000);
    await this.#child.status;
    clearTimeout(timer);
    await this.hangUp();
  }
}

async function listed(): Promise<{ list: HostList; peakMiB: number }> {
  const { stdout, code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", `${PROGRAMS}list.ts`],
    stdout: "piped",
  }).output();
  assertEquals(code, 0);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** A VM beside the hostile process, which is to be listed all the same. */
function honest(folder: string) {
  const path = `${folder}/qemu-system-x86_64`;
  Deno.copyFileSync("/bin/sleep", path);
  return spawn([path, "1000"], { descriptors: new Map() });
}

async function has(...words: string[]): Promise<boolean> {
  const [program = "", ...args] = words;
  try {
    const { success } = await new Deno.Command(program, {
      args,
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function besideHonest(
  words: (folder: string) => readonly string[],
  why: string,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    using vm = honest(folder);
    await using hostile = await Staying.start(words(folder));
    const { list, peakMiB } = await listed();
    assert(list.vms.some(({ pid }) => pid === vm.pid), "the honest VM");
    const passed = list.skipped.find(({ pid }) => pid === hostile.pid);
    assertStringIncludes(passed?.why ?? "nothing", why);
    assert(peakMiB < MOST_MIB, `it took ${peakMiB} MiB`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const python = await has("python3", "-c", "");

Deno.test({
  name: "a huge command line does not hide other VMs",
  ignore: !python,
  fn: () =>
    besideHonest(
      () => ["python3", `${PROGRAMS}endless_words.py`],
      "its command line is too long for a VM",
    ),
});

Deno.test({
  name: "an unreadable command line does not hide other VMs",
  ignore: !python || Deno.uid() !== 0 || !await has("test", "-w", "/dev/fuse"),
  fn: () =>
    besideHonest(
      (folder) => {
        Deno.mkdirSync(`${folder}/mount`);
        return ["python3", `${PROGRAMS}locked_words.py`, `${folder}/mount`];
      },
      "it cannot be read within",
    ),
});

const KIB = 1024;
/** Starts VMs, as many as the first argument says, each with the others. */
const CROWD = `mkfifo "$0/begun" "$0/never"
exec 3<>"$0/begun" 4<>"$0/never"
echo 'echo begun >&3; read it <&4' >"$0/wait"
count=$1; shift
for _ in $(seq "$count"); do
  bash -c 'exec -a qemu-system-x86_64 sh "$@"' bash "$0/wait" "$@" &
done
for _ in $(seq "$count"); do read it <&3; done
echo $$
read it
kill $(jobs -p)`;

/** VMs with files of -readconfig, beside an honest one. */
async function withFiles(
  count: number,
  filesEach: number,
  content: string,
): Promise<HostList> {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/vm.conf`;
    await Deno.writeTextFile(file, content);
    using vm = honest(folder);
    const files = Array(filesEach).fill(["-readconfig", file]).flat();
    await using _hostile = await Staying.start(
      ["bash", "-c", CROWD, folder, String(count), ...files],
    );
    const { list, peakMiB } = await listed();
    assert(list.vms.some(({ pid }) => pid === vm.pid), "the honest VM");
    assert(peakMiB < MOST_MIB, `it took ${peakMiB} MiB`);
    return list;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the files of a VM have a limit together", async () => {
  const keys = Array.from({ length: 25_000 }, (_, at) => `k${at}=""`);
  const { vms } = await withFiles(1, 2000, `[machine]\n${keys.join("\n")}`);
  assert(vms.some((it) => it.obstacle_code === "readconfig"));
});

Deno.test("the files of all VMs of a user have a limit together", async () => {
  const line = `k="${"x".repeat(KIB - 10)}"\n`;
  const group = `[machine]\n${line}`;
  const { skipped } = await withFiles(80, 1, group.repeat(250));
  assert(
    skipped.some(({ why }) => why.includes("the command lines of user")),
    "all were kept",
  );
});

Deno.test("the descriptors of a process are limited", async () => {
  const more = MAXIMUM_DESCRIPTORS + 10;
  const script = `
    for (let i = 0; i < ${more}; i++) Deno.openSync("/dev/null");
    console.log(Deno.pid);
    setInterval(() => {}, 1000);
    for await (const _ of Deno.stdin.readable);
    Deno.exit(0);`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, script);
    await using hostile = await Staying.start(
      [Deno.execPath(), "run", "--quiet", "-A", file],
    );
    const { pid } = hostile;
    await assertRejects(() => readDescriptors(pid), UnreadableError);
    await assertRejects(() => new ProcessFiles(pid).locks(), UnreadableError);
    assertThrows(() => findDescriptor(pid, "/memfd:x"), UnreadableError);
  } finally {
    await Deno.remove(file);
  }
});
