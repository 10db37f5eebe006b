import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Fd } from "../../../ffi/fd.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { O_RDONLY } from "../../../ffi/open_flags.ts";
import { UpdateProblem } from "../../../lib/update/error.ts";
import { readCprState } from "../../../lib/cpr/mod.ts";
import type { Preserved } from "../../../lib/update/standby/holdings.ts";
import {
  Standby,
  type StandbyStart,
} from "../../../lib/update/standby/standby.ts";
import { cprctlWords } from "../../../testing/program/program.ts";
import { withRunDirectory } from "../run_base.ts";
import { contextOf } from "./context_of.ts";

/** Becomes the old program: says what it was given, and where it is. */
const OLD_PROGRAM = `
echo "pid $$ args $* home $HOME"
pwd
cat /proc/self/fd/9
ls -l /proc/self/fd | grep -o 'memfd:[a-z0-9_A-Z]*' | sort
echo "state $QEMU_CPR_EXEC_STATE" | grep -c '[0-9]'
`;

/** More than a standby has of its own out of the way. */
const HIGH_NUMBERS = Array.from({ length: 16 }, (_, at) => 508 + at);

/** Says what is at high numbers, and where CPR state says that RAM is. */
const PROGRAM_WITH_HIGH_NUMBERS = `
cat /proc/self/fd/$QEMU_CPR_EXEC_STATE >state
for number in ${HIGH_NUMBERS.join(" ")}; do cat /proc/self/fd/$number; done
ls -l /proc/self/fd >descriptors
`;

/** A process whose place a standby can take, and what it would hand over. */
async function stage(program = OLD_PROGRAM, wrapper: readonly string[] = []) {
  const run = await withRunDirectory();
  const output = `${run.path}/output`;
  await Deno.writeTextFile(output, "");
  const [first = "", ...rest] = [...wrapper, "/bin/sh", "-c", "echo; read _"];
  const model = new Deno.Command(first, {
    args: rest,
    cwd: run.path,
    env: { HOME: "/model" },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = model.stdout.getReader();
  await reader.read(); // it is /bin/sh now
  const ram = createMemfd("ram0", { size: 4096 });
  ram.writeAll(new TextEncoder().encode("guest memory"));
  const named = createMemfd("named");
  named.writeAll(new TextEncoder().encode("number nine\n"));
  const out = Fd.open(output, 0o2001); // O_WRONLY | O_APPEND
  const preserved: Preserved[] = [
    { role: { name: "ram0", id: 0 }, fd: ram },
    { role: { number: 9 }, fd: named },
    { role: { number: 1 }, fd: out },
    { role: { number: 2 }, fd: out },
  ];
  const { context, pinned } = await contextOf(model.pid);
  return {
    run,
    output,
    pid: model.pid,
    preserved,
    groups: context.cgroups,
    start: (more: Partial<StandbyStart> = {}) =>
      Standby.start({
        directory: run.path,
        context,
        groups: context.cgroups,
        files: pinned.files,
        argv: ["sh", "-c", program, "old", "two words"],
        self: cprctlWords(),
        strict: true,
        ...more,
      }),
    async [Symbol.asyncDispose]() {
      pinned[Symbol.dispose]();
      for (const fd of [ram, named, out]) fd.close();
      await reader.cancel();
      await model.stdin.close();
      await model.status;
      await run[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a standby becomes the old program, with its context and descriptors", async () => {
  await using it = await stage();
  await using standby = await it.start();
  await standby.hold(it.preserved);
  using process = await standby.go();
  const { pid } = process;
  assert(await process.exited(10_000));
  const said = (await Deno.readTextFile(it.output)).split("\n");
  assertEquals(said, [
    `pid ${pid} args two words home /model`,
    it.run.path,
    "number nine",
    "memfd:QEMU_CPR_EXEC_STATE",
    "memfd:named",
    "memfd:ram0",
    "1",
    "",
  ]);
});

Deno.test("descriptors with high numbers do not replace others", async () => {
  await using it = await stage(PROGRAM_WITH_HIGH_NUMBERS);
  await using standby = await it.start();
  using stack = new DisposableStack();
  const named = HIGH_NUMBERS.map((number): Preserved => {
    const fd = stack.use(createMemfd("named"));
    fd.writeAll(new TextEncoder().encode(`${number}\n`));
    return { role: { number }, fd };
  });
  await standby.hold([...it.preserved, ...named]);
  using process = await standby.go();
  assert(await process.exited(10_000));
  assertEquals(
    await Deno.readTextFile(it.output),
    HIGH_NUMBERS.map((number) => `${number}\n`).join(""),
  );
  using state = Fd.open(`${it.run.path}/state`, O_RDONLY);
  const [ram] = readCprState(state).descriptors;
  assert(ram !== undefined && ram.name === "ram0");
  assertStringIncludes(
    await Deno.readTextFile(`${it.run.path}/descriptors`),
    ` ${ram.descriptor} -> /memfd:ram0`,
  );
});

/** Words that put a filter over what comes after them. */
const UNDER_FILTER = [
  ...[Deno.execPath(), "run", "--quiet", "--allow-all"],
  new URL("../../ffi/programs/under_filter.ts", import.meta.url).pathname,
];

/** What confines a process, besides its user. */
const CONFINEMENT = /^(Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp\w*):.*$/gm;

/** Says how it is confined, and how its input and output are treated. */
const CONFINED_PROGRAM = `
cat /proc/$$/status
echo "personality $(cat /proc/$$/personality)"
echo "$(ionice -p $$)"
`;

const FEWER = "-sys_admin,-sys_boot,-sys_module";
const confinements: readonly (readonly string[])[] = [
  ["setpriv", "--no-new-privs", `--bounding-set=${FEWER}`],
  ["setpriv", `--bounding-set=${FEWER}`],
  [
    ...["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
    ...["--no-new-privs", `--bounding-set=${FEWER}`],
    ...["--inh-caps=+net_admin", "--ambient-caps=+net_admin"],
  ],
  ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
  ["setpriv", "--reuid=65534", "--regid=65533", "--groups=7,8"],
  ["setpriv", "--regid=65533", "--groups=7,8"],
  ["ionice", "-c", "2", "-n", "6", "setarch", "-R"],
];
for (const wrapper of confinements) {
  Deno.test({
    name: `a rolled back process is confined as after "${wrapper.join(" ")}"`,
    ignore: Deno.uid() !== 0,
    async fn() {
      await using it = await stage(CONFINED_PROGRAM, wrapper);
      const shown = (text: string) => [...text.match(CONFINEMENT) ?? []];
      const status = await Deno.readTextFile(`/proc/${it.pid}/status`);
      const personality = await Deno.readTextFile(
        `/proc/${it.pid}/personality`,
      );
      const ionice = new Deno.Command("ionice", { args: ["-p", `${it.pid}`] });
      const priority = new TextDecoder().decode((await ionice.output()).stdout);
      await using standby = await it.start();
      await standby.hold(it.preserved);
      using process = await standby.go();
      assert(await process.exited(10_000));
      const said = await Deno.readTextFile(it.output);
      assertEquals(shown(said), shown(status));
      assertStringIncludes(said, `personality ${personality}`);
      assertStringIncludes(said, priority);
    },
  });
}

Deno.test({
  name:
    "a rolled back process is under the filters of system calls that it had",
  ignore: Deno.uid() !== 0,
  async fn() {
    const user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    const twice = [...UNDER_FILTER, ...UNDER_FILTER, "setpriv", ...user];
    await using it = await stage(
      CONFINED_PROGRAM,
      twice,
    );
    const status = await Deno.readTextFile(`/proc/${it.pid}/status`);
    assertStringIncludes(status, "Seccomp_filters:\t2");
    await using standby = await it.start();
    await standby.hold(it.preserved);
    using process = await standby.go();
    assert(await process.exited(10_000));
    const said = await Deno.readTextFile(it.output);
    assertEquals(said.match(CONFINEMENT), status.match(CONFINEMENT));
  },
});

Deno.test({
  name: "a standby that cannot be confined like the VM does not start",
  ignore: Deno.uid() !== 0,
  async fn() {
    await using it = await stage();
    const groups = { ...it.groups, "": "/cprctl-test/not there" };
    const error = await assertRejects(
      async () => {
        await using _standby = await it.start({ groups });
      },
      UpdateProblem,
      'cgroup "/cprctl-test/not there"',
    );
    assertEquals(error.code, "not-confined");
    await using standby = await it.start({ groups, strict: false });
    assertEquals(standby.problems.length, 1);
  },
});

Deno.test("a standby ends on request, and leaves nothing", async () => {
  await using it = await stage();
  {
    await using standby = await it.start();
    await standby.hold(it.preserved);
  }
  assertEquals(await Standby.find(it.run.path), undefined);
  assertEquals(await Deno.readTextFile(it.output), "");
});

Deno.test("memory outlives a killed cprctl, and another cprctl finds it", async () => {
  await using it = await stage();
  const starter = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all"],
      new URL("standby_starter.ts", import.meta.url).pathname,
      ...[`${it.pid}`, it.run.path, it.output],
    ],
    stdout: "piped",
  }).spawn();
  const reader = starter.stdout.getReader();
  await reader.read();
  starter.kill("SIGKILL");
  await starter.status;
  await reader.cancel();

  await using standby = await Standby.find(it.run.path);
  assert(standby !== undefined);
  using process = await standby.go();
  assert(await process.exited(10_000));
  assertEquals(await Deno.readTextFile(it.output), "1\n");
});

Deno.test("without a standby none is found", async () => {
  await using run = await withRunDirectory();
  assertEquals(await Standby.find(run.path), undefined);
});

/** Connects, asks for all that a standby has, and says how many bytes came. */
const CLIENT = `
$SIG{PIPE} = "IGNORE"; # it may be turned away before it asks
socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die;
connect($s, sockaddr_un($ARGV[0])) or do { print "refused"; exit };
syswrite($s, qq({"do":"duplicate"}\\n));
my $read = sysread($s, my $b, 4096);
print $read ? "received" : "nothing";
`;

async function duplicate(path: string): Promise<string> {
  const { stdout } = await new Deno.Command("setpriv", {
    args: [
      ...["--reuid=65534", "--regid=65534", "--clear-groups"],
      ...["timeout", "30", "perl", "-MSocket", "-e", CLIENT, path],
    ],
  }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test({
  name: "a standby accepts no other user, whatever umask and mode",
  ignore: Deno.uid() !== 0,
  async fn() {
    await using it = await stage();
    const path = `${it.run.path}/standby.sock`;
    await Deno.chmod(it.run.path, 0o711);
    const before = Deno.umask(0);
    try {
      await using _standby = await it.start();
      Deno.umask(before);
      assertEquals(await duplicate(path), "refused");
    } finally {
      Deno.umask(before);
    }
    assertEquals(await Standby.find(it.run.path), undefined);
    {
      await using standby = await it.start();
      await standby.hold(it.preserved);
      standby.leave(); // so that it accepts the next
    }
    await Deno.chmod(path, 0o666);
    assertEquals(await duplicate(path), "nothing");
    await using found = await Standby.find(it.run.path);
    assert(found !== undefined);
  },
});
