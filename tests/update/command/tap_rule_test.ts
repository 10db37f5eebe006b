import { assertEquals } from "@std/assert";
import type { TapQueue } from "../../../lib/update/command/draft.ts";
import { newCommand } from "../../../lib/update/command/new_command.ts";
import { after, factsOf, NOTHING_LIVE } from "./vm.ts";

function tap(name: string, ...descriptors: number[]): TapQueue[] {
  return descriptors.map((descriptor) => ({
    descriptor,
    interface: name,
    closesOnExec: false,
  }));
}

const VM1 = tap("vm1", 12);

function live(...taps: TapQueue[]) {
  return { ...NOTHING_LIVE, taps };
}

const two = live(...tap("vm0", 11), ...VM1);

const cases: readonly [string[], string[]][] = [
  [["-netdev", "tap,id=n,ifname=vm0,script=no,downscript=no,vhost=on"], [
    "-netdev",
    "tap,id=n,vhost=on,fd=11",
  ]],
  [["-netdev", "tap,id=n,queues=1,ifname=vm1,vnet_hdr=on,sndbuf=0"], [
    "-netdev",
    "tap,id=n,sndbuf=0,fd=12",
  ]],
  [["-netdev", '{"type": "tap", "id": "n", "ifname": "vm0"}'], [
    "-netdev",
    '{"type": "tap", "id": "n", "fd": "11"}',
  ]],
  [["-nic", "tap,model=e1000,mac=52:54:00:00:00:01,ifname=vm0,script=/a,,b"], [
    "-nic",
    "tap,model=e1000,mac=52:54:00:00:00:01,fd=11",
  ]],
  [["-net", "nic", "-net", "tap,ifname=vm0"], [
    "-net",
    "nic",
    "-net",
    "tap,fd=11",
  ]],
  // The only one that is left.
  [
    [
      "-netdev",
      "bridge,id=n,br=br1,helper=/h",
      "-netdev",
      "tap,id=m,fd=12",
    ],
    [
      ...["-netdev", "tap,id=n,fd=11", "-netdev", "tap,id=m,fd=12"],
    ],
  ],
  [["-netdev", "tap,id=n", "-netdev", "tap,id=m,ifname=vm0"], [
    ...["-netdev", "tap,id=n,fd=12", "-netdev", "tap,id=m,fd=11"],
  ]],
  [["-netdev", "tap,id=n,ifname=vm%d", "-netdev", "tap,id=m,ifname=vm0"], [
    ...["-netdev", "tap,id=n,fd=12", "-netdev", "tap,id=m,fd=11"],
  ]],
  [["-netdev", "user,id=n,hostfwd=tcp::1-:2"], [
    "-netdev",
    "user,id=n,hostfwd=tcp::1-:2",
  ]],
];
for (const [from, to] of cases) {
  Deno.test(`"${from.join(" ")}" uses the interface that is open`, () => {
    assertEquals(after(from, two), to);
  });
}

function problemsOf(words: string[], taps: TapQueue[]): string[] {
  const { problems, changes } = newCommand(factsOf(words), live(...taps));
  assertEquals(changes.filter(({ from }) => from?.includes("netdev")), []);
  return problems.map(({ verdict, detail }) => `${verdict}: ${detail}`);
}

Deno.test("an interface that cannot be identified is refused", () => {
  const words = ["-netdev", "tap,id=n", "-netdev", "bridge,id=m"];
  const expected = [
    'refuse: Cannot tell which descriptors belong to "-netdev tap,id=n"',
    'refuse: Cannot tell which descriptors belong to "-netdev bridge,id=m"',
  ];
  const [a, b] = [tap("tap0", 11), tap("tap1", 12)];
  assertEquals(problemsOf(words, [...a, ...b]), expected);
  assertEquals(problemsOf(words, a), expected);
  assertEquals(problemsOf(words, []), expected);
  assertEquals(
    problemsOf(["-netdev", "tap,id=n"], [...a, ...b]),
    expected.slice(0, 1),
  );
});

Deno.test("an interface with several queues keeps them in order", () => {
  const taps = live(...tap("vm0", 11, 12, 13));
  assertEquals(
    after(["-netdev", "tap,id=n,ifname=vm0,queues=3,vhost=on"], taps),
    ["-netdev", "tap,id=n,vhost=on,fds=11:12:13"],
  );
  const named = ["-netdev", "tap,id=n,fds=11:12:13"];
  assertEquals(after(named, taps), named);
});

Deno.test("an interface with more or fewer queues than it was given is refused", () => {
  for (const words of ["tap,id=n,ifname=vm0,queues=3", "tap,id=n,ifname=vm0"]) {
    assertEquals(problemsOf(["-netdev", words], tap("vm0", 11, 12)), [
      `refuse: Cannot tell which descriptors belong to "-netdev ${words}"`,
    ]);
  }
});

Deno.test("an interface that exec would close is refused", () => {
  const closing = tap("vm0", 11).map((it) => ({ ...it, closesOnExec: true }));
  assertEquals(problemsOf(["-netdev", "tap,id=n,ifname=vm0"], closing), [
    'refuse: The tap interface of "-netdev tap,id=n,ifname=vm0" is closed by exec',
  ]);
});

Deno.test("a script that will not run is reported", () => {
  const why = (value: string) =>
    newCommand(factsOf(["-netdev", value]), live(...tap("vm0", 11))).changes
      .find(({ from }) => from?.startsWith("-netdev"))?.why;
  const plain =
    "interface vm0 stays open over the exec, and cannot be opened " +
    "twice";
  assertEquals(why("tap,id=n,ifname=vm0,script=no,downscript=no"), plain);
  assertEquals(why("bridge,id=n"), plain);
  assertEquals(
    why("tap,id=n,ifname=vm0"),
    `${plain}; no script will be run for it when the VM ends`,
  );
});
