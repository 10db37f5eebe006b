import { assertEquals } from "@std/assert";
import { failingProgram } from "../../testing/program/failing_program.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  openDescriptors,
  PLAIN,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { bringUp, whyNoTaps } from "../../testing/qemu/tap.ts";
import { argvOf, move, tryToMove } from "./moved.ts";

const builds = await qemuBuilds();
/** Interfaces of this run alone; a name has at most 15 characters. */
const NAME = `cp${Deno.pid}`;
const QUIET = "script=no,downscript=no";

/** A machine with a network card of which the interface is named so. */
interface Card {
  readonly what: string;
  readonly words: readonly string[];
  /** What becomes of the words; N stands for the descriptor. */
  readonly after: readonly string[];
  /** Name of the interface; undefined where the kernel gives one. */
  readonly interface?: string;
}

const DEVICE = ["-device", "virtio-net-pci,netdev=n,mac=52:54:00:00:00:01"];

const CARDS: readonly Card[] = [
  {
    what: "a tap interface by name",
    words: ["-netdev", `tap,id=n,ifname=${NAME},${QUIET}`, ...DEVICE],
    after: ["-netdev", "tap,id=n,fd=N", ...DEVICE],
    interface: NAME,
  },
  {
    what: "a tap interface in JSON",
    words: [
      ...[
        "-netdev",
        `{"type": "tap", "id": "n", "ifname": "${NAME}",` +
        ' "script": "no", "downscript": "no"}',
      ],
      ...DEVICE,
    ],
    after: ["-netdev", '{"type": "tap", "id": "n", "fd": "N"}', ...DEVICE],
    interface: NAME,
  },
  {
    what: "a tap interface that the kernel named",
    words: ["-netdev", `tap,id=n,${QUIET}`, ...DEVICE],
    after: ["-netdev", "tap,id=n,fd=N", ...DEVICE],
  },
  {
    what: "a tap interface by -nic",
    words: ["-nic", `tap,model=e1000,ifname=${NAME},${QUIET}`],
    after: ["-nic", "tap,model=e1000,fd=N"],
    interface: NAME,
  },
];

const problem = whyNoTaps();
if (problem !== undefined) {
  console.log(`Without tap interfaces: ${problem}`);
}

for (const card of CARDS) {
  Deno.test({
    name: `${card.what} stays unchanged`,
    ignore: problem !== undefined,
    fn: () => staysAsItIs(card),
  });
}

Deno.test({
  name: "a tap interface is unchanged by a rollback",
  ignore: problem !== undefined,
  async fn() {
    await using vm = await VirtualMachine.boot(builds.old, {
      ...PLAIN,
      extra: ["-netdev", `tap,id=n,ifname=${NAME},${QUIET}`, ...DEVICE],
    }, "tcg");
    const taps = numberedTaps(vm);
    const carrier = () => Deno.readTextFile(`/sys/class/net/${NAME}/carrier`);
    await bringUp(NAME);
    const witness = await Witness.of(vm);
    const binary = failingProgram(vm.folder, builds.new);
    const report = await tryToMove(vm, { binary });
    assertEquals(report.outcome, "rolled-back", report.error?.message);
    vm.follow(report.pid_after ?? 0);
    assertEquals(numberedTaps(vm), taps);
    assertEquals(await carrier(), "1\n");
    await witness.assertLivesOn();

    await move(vm, builds.new);
    assertEquals(numberedTaps(vm), taps);
    assertEquals(await carrier(), "1\n");
    await witness.assertLivesOn();
  },
});

async function staysAsItIs(card: Card) {
  await using vm = await VirtualMachine.boot(builds.old, {
    ...PLAIN,
    extra: card.words,
  }, "tcg");
  const taps = numberedTaps(vm);
  const number = String(taps[0]?.number);
  const name = taps[0]?.interface ?? "";
  assertEquals(name, card.interface ?? name);
  const link = `/sys/class/net/${name}`;
  // Only an interface that is up tells whether somebody has its other end.
  await bringUp(name);
  const index = await Deno.readTextFile(`${link}/ifindex`);
  const witness = await Witness.of(vm);

  for (const build of [builds.new, builds.old, builds.new]) {
    await move(vm, build);
    await witness.assertLivesOn();
    const argv = await argvOf(vm);
    const words = card.after.map((word) => word.replace(/\bN\b/, number));
    const first = argv.findIndex((word) => word === words[0]);
    assertEquals(argv.slice(first, first + words.length), words);
    assertEquals(numberedTaps(vm), taps);
    assertEquals(await Deno.readTextFile(`${link}/ifindex`), index);
    assertEquals(await Deno.readTextFile(`${link}/carrier`), "1\n");
  }
}

function numberedTaps(vm: VirtualMachine) {
  return openDescriptors(vm.pid)
    .filter(({ target }) => target === "/dev/net/tun")
    .map(({ number }) => ({
      number,
      interface: /^iff:\t(.*)$/m.exec(
        Deno.readTextFileSync(`/proc/${vm.pid}/fdinfo/${number}`),
      )?.[1],
    })).sort((a, b) => a.number - b.number);
}
