/** What an attacker does, apart from what its monitor says. */

import { OsError } from "../../../ffi/libc.ts";
import { messageOf } from "../../../lib/errors.ts";
import { ifThere } from "../../../lib/gone.ts";
import type { Random } from "../../../testing/random.ts";
import { inTime } from "../../../testing/program/until.ts";
import { USER } from "../hostile_vm.ts";
import type { Attacker } from "./attacker.ts";
import type { Ground } from "./ground.ts";

/** Where a action is done. */
export interface Fixture {
  readonly ground: Ground;
  readonly attacker: Attacker;
  readonly random: Random;
  /** Ended when the round is over. */
  readonly helpers: AsyncDisposableStack;
}

/** Something that an unprivileged user can do. */
export interface Action {
  readonly name: string;
  /** Who can; everyone unless given. */
  readonly only?: readonly string[];
  readonly run: (fixture: Fixture) => void | Promise<void>;
}

const TIMEOUT_MS = 30_000;
const SLEEP = ["qemu-system-x86_64", "600"];
const RUN_DIRECTORY = ["journal.json", "standby.sock", "state/vm.state"];

/** A script of the attacker's own; what it prints, once it has printed a line. */
async function helper(
  { helpers }: Fixture,
  script: string,
  ...words: string[]
): Promise<string> {
  const child = new Deno.Command("setpriv", {
    args: [
      ...[`--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"],
      ...["/usr/bin/perl", "-e", script, ...words],
    ],
    clearEnv: true,
    cwd: "/",
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  helpers.defer(async () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await reader.cancel();
    await child.stdin.close().catch(() => undefined); // its reader is gone
    await child.status;
  });
  const { value } = await inTime("a helper speaks", TIMEOUT_MS, reader.read());
  return new TextDecoder().decode(value).trim();
}

/** Opens a terminal, and stays; writes its path. */
const TERMINAL = `$| = 1; use Fcntl;
sysopen(M, '/dev/ptmx', O_RDWR | O_NOCTTY) or exit;
ioctl(M, 0x40045431, pack('i', 0)); my $n = pack('i', 0);
ioctl(M, 0x80045430, $n); print '/dev/pts/' . unpack('i', $n) . "\\n";
my $i; for (1 .. 600) { syswrite M, "\\x1c\\x03"; sleep 1 }`;

/** What can be put in the place of a file. */
const THINGS: Readonly<
  Record<string, (path: string, fixture: Fixture) => void | Promise<void>>
> = {
  "a link to a secret": (path, { ground }) =>
    Deno.symlink(ground.secret.path, path),
  "a link to an endless file": (path) => Deno.symlink("/dev/zero", path),
  "a link to a device": (path) => Deno.symlink("/dev/random", path),
  "a link to itself": (path) => Deno.symlink(path, path),
  "a terminal": async (path, fixture) => {
    await Deno.symlink(await helper(fixture, TERMINAL), path);
  },
  "a FIFO": async (path, fixture) => {
    await helper(
      fixture,
      `use POSIX; POSIX::mkfifo($ARGV[0], 0777); print "done\\n"`,
      path,
    );
  },
  "a FIFO that is written to": async (path, fixture) => {
    await helper(
      fixture,
      `use POSIX; POSIX::mkfifo($ARGV[0], 0777); $| = 1; print "done\\n";
$SIG{PIPE} = 'IGNORE'; for (1 .. 60) { open(my $f, '>', $ARGV[0]);
syswrite $f, 'x' x 65536; }`,
      path,
    );
  },
  "a folder": (path) => Deno.mkdir(path),
  "a huge file": async (path) => {
    await Deno.writeFile(path, new Uint8Array(0), { mode: 0o755 });
    await Deno.truncate(path, 2 ** 42);
    await Deno.chmod(path, 0o755);
    await Deno.chown(path, USER, USER);
  },
  "nothing": () => undefined,
  "garbage": async (path) => {
    await Deno.writeFile(path, crypto.getRandomValues(new Uint8Array(9999)));
    await Deno.chmod(path, 0o755);
    await Deno.chown(path, USER, USER);
  },
  "a set-user-ID program": async (path, { ground }) => {
    // Of root's, in a folder of the attacker's: a hard link.
    await Deno.link(ground.setuid, path);
  },
  "a canary": async (path, { attacker, ground }) => {
    await Deno.writeTextFile(
      path,
      `#!/bin/sh\nexec /usr/bin/perl '${attacker.folder}/canary.pl' ` +
        `other '${ground.secret.path}'\n`,
    );
    await Deno.chmod(path, 0o755);
    await Deno.chown(path, USER, USER);
  },
};

/** Paths of the attacker's that cprctl may look at, and the name of each. */
const PLACES: Readonly<Record<string, (attacker: Attacker) => string>> = {
  "the new program": ({ binary }) => binary,
  "the old program": ({ folder }) => `${folder}/deno`,
  "the log": ({ folder }) => `${folder}/log`,
  "the monitor's socket": ({ socket }) => socket,
  "the script": ({ folder }) => `${folder}/main.ts`,
};

async function put(
  path: string,
  thing: (path: string, fixture: Fixture) => void | Promise<void>,
  fixture: Fixture,
): Promise<void> {
  const draft = `${fixture.attacker.folder}/draft-${crypto.randomUUID()}`;
  await remove(path);
  await thing(draft, fixture);
  await ifThere(Deno.rename(draft, path));
}

async function remove(path: string): Promise<void> {
  await ifThere(Deno.remove(path, { recursive: true }));
}

const FILES: readonly Action[] = Object.entries(PLACES).flatMap((
  [where, path],
) =>
  Object.entries(THINGS).map(([what, thing]): Action => ({
    name: `puts ${what} in the place of ${where}`,
    run: (fixture) => put(path(fixture.attacker), thing, fixture),
  }))
);

/** What is done to files of run directories, as the attacker. */
const TOUCHES: Readonly<Record<string, string>> = {
  "truncates": `truncate $p, 0`,
  "fills": `open(my $f, '>', $p) && do { 1 while syswrite $f, 'x' x 1048576 }`,
  "makes huge": `truncate $p, 2 ** 40`,
  "writes garbage to":
    `open(my $f, '+<', $p) && syswrite $f, "\\x51EVM" . 'x' x 9999`,
  "removes": `unlink $p; mkdir $p`,
  "links":
    `unlink $p; symlink '/dev/zero', $p; rename $p, "$p.old"; chmod 0777, $p`,
  "connects to": `use Socket; socket(my $s, PF_UNIX, SOCK_STREAM, 0);
connect($s, sockaddr_un($p)) and
syswrite $s, qq({"do":"duplicate"}\\n{"do":"end"}\\n{"do":"go"}\\n)`,
};

const RUN_FILES: readonly Action[] = Object.entries(TOUCHES).flatMap((
  [how, script],
) =>
  RUN_DIRECTORY.map((file): Action => ({
    name: `${how} ${file} of the run directory`,
    run: async (fixture) => {
      const { ground, attacker } = fixture;
      for (const { name } of Deno.readDirSync(ground.base)) {
        if (!name.startsWith(`${attacker.pid}-`)) continue;
        await helper(
          fixture,
          `$| = 1; $SIG{XFSZ} = $SIG{PIPE} = 'IGNORE'; my $p = $ARGV[0];
eval { ${script} }; print "done\\n"; sleep 60`,
          `${ground.base}/${name}/${file}`,
        );
      }
    },
  }))
);

const PRELOAD = (attacker: Attacker) => ({
  LD_PRELOAD: `${attacker.folder}/evil.so`,
});

/** Who may execute or overwrite at any moment. */
const FREE = ["machine", "pretender"];

const IDENTITIES: readonly Action[] = [
  {
    name: "becomes a set-user-ID program",
    only: FREE,
    run: ({ attacker, ground }) =>
      attacker.exec(ground.setuid, SLEEP, PRELOAD(attacker)),
  },
  {
    name: "becomes a set-group-ID program",
    only: FREE,
    run: ({ attacker, ground }) =>
      attacker.exec(ground.setgid, SLEEP, PRELOAD(attacker)),
  },
  {
    name: "becomes another program",
    only: FREE,
    run: ({ attacker }) =>
      attacker.exec("/bin/sleep", SLEEP, PRELOAD(attacker)),
  },
  {
    name: "becomes its own program with other words",
    only: FREE,
    run: ({ attacker }) =>
      attacker.exec(
        Deno.readLinkSync(`/proc/${attacker.pid}/exe`),
        ["qemu-system-x86_64", "-"],
        PRELOAD(attacker),
      ),
  },
];

const WORDS: readonly Action[] = [
  {
    name: "overwrites its words with secrets",
    only: FREE,
    run: ({ attacker, ground }) =>
      attacker.pretend([
        ...["qemu-system-x86_64", "-bios", ground.secret.path],
        ...["-readconfig", ground.secret.path],
      ]),
  },
  {
    name: "overwrites its words with nothing",
    only: FREE,
    run: ({ attacker }) => attacker.pretend([""]),
  },
  {
    name: "overwrites its words with other descriptors",
    only: FREE,
    run: ({ attacker }) =>
      attacker.pretend(["qemu-system-x86_64", "-add-fd", "fd=3,set=1"]),
  },
];

const SIGNALS: readonly Action[] = (["SIGSTOP", "SIGKILL"] as const).map((
  it,
) => ({
  name: `gets ${it}`,
  run: ({ attacker }) => Deno.kill(attacker.pid, it),
}));

const KINDS = [FILES, RUN_FILES, IDENTITIES, WORDS, SIGNALS];

/** One action, decided by chance. */
export function anyAction(random: Random, kind: string): Action {
  for (;;) {
    const action = random.one(random.one(KINDS));
    if (action.only?.includes(kind) ?? true) return action;
  }
}

/** Does it, as far as there is still something to do it to. */
export async function perform(action: Action, fixture: Fixture): Promise<void> {
  try {
    await action.run(fixture);
  } catch (error) {
    // Two actions may be at one path at a time.
    const gone = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory ||
      error instanceof Deno.errors.IsADirectory ||
      error instanceof Deno.errors.AlreadyExists ||
      error instanceof Deno.errors.BrokenPipe ||
      error instanceof Deno.errors.ConnectionReset ||
      error instanceof Deno.errors.Interrupted ||
      error instanceof Deno.errors.BadResource ||
      error instanceof OsError ||
      /^(It is not|It cannot|Gave up|kill ESRCH)/.test(messageOf(error));
    if (!gone) throw error;
  }
}
