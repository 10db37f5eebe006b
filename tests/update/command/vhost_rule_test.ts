import { assertEquals } from "@std/assert";
import type { LiveProcess } from "../../../lib/update/command/draft.ts";
import { newCommand } from "../../../lib/update/command/new_command.ts";
import { withVhost } from "../../../lib/update/command/vhost_rule.ts";
import { UpdateProblem } from "../../../lib/update/error.ts";
import { factsOf, NOTHING_LIVE } from "./vm.ts";

const QUEUES =
  '{"type":"tap","id":"n","fds":"11:12","vhost":true,"vhostfds":"13:14"}';

const INTERFACES = [
  ["-netdev", "tap,id=n,fd=11,vhost=on,vhostfd=13"],
  ["-netdev", QUEUES],
  ["-nic", "tap,model=virtio,fd=11,vhostfd=13"],
  ["-net", "tap,fd=11,vhostfds=13:14"],
];

/** vhost-net can be opened again for these alone. */
function only(...open: number[]): LiveProcess {
  return {
    ...NOTHING_LIVE,
    vhostProblem: (it) =>
      open.includes(it)
        ? undefined
        : new UpdateProblem("vhost-net", `${it} is another`, { remedy: "Try" }),
  };
}

Deno.test("vhost descriptors of interfaces are noted, and the words stay", () => {
  for (const words of INTERFACES) {
    const { argv, vhost, problems } = newCommand(factsOf(words), only(13, 14));
    assertEquals(argv.slice(1, 3), words);
    assertEquals(vhost, words[1]?.includes("14") ? [13, 14] : [13]);
    assertEquals(problems, []);
  }
});

Deno.test("a descriptor that cannot be opened again is refused by name", () => {
  for (const words of INTERFACES) {
    const { problems: [problem] } = newCommand(factsOf(words), only(14));
    const named = words[1] === QUEUES ? `'${QUEUES}'` : words[1];
    assertEquals(problem, {
      verdict: "refuse",
      detail: `The vhost descriptor of "${words[0]} ${named}" cannot be ` +
        "replaced: 13 is another",
      remedy: "Try",
    });
  }
  for (const name of ["name", "", "13:x"]) {
    const words = ["-netdev", `tap,id=n,fd=11,vhostfd=${name}`];
    const { problems } = newCommand(factsOf(words), only(13));
    assertEquals(problems.map(({ verdict }) => verdict), ["refuse"], name);
  }
});

Deno.test("a vhost descriptor of a device is refused", () => {
  const words = ["-device", "vhost-vsock-pci,guest-cid=3,vhostfd=13"];
  const { problems, vhost } = newCommand(factsOf(words), only(13));
  assertEquals(problems.map(({ verdict }) => verdict), ["refuse"]);
  assertEquals(vhost, []);
});

Deno.test("the new program is told the numbers of its own", () => {
  const renewed = new Map([[13, 31], [14, 32], [11, 33]]);
  const words = INTERFACES.flat();
  assertEquals(withVhost(["qemu", "-S", ...words], renewed), [
    ...["qemu", "-S"],
    ...["-netdev", "tap,id=n,fd=11,vhost=on,vhostfd=31"],
    "-netdev",
    '{"type":"tap","id":"n","fds":"11:12","vhost":true,"vhostfds":"31:32"}',
    ...["-nic", "tap,model=virtio,fd=11,vhostfd=31"],
    ...["-net", "tap,fd=11,vhostfds=31:32"],
  ]);
  assertEquals(withVhost(["qemu", ...words], new Map()), ["qemu", ...words]);
});

Deno.test("the command line of a machine without vhost is not read", () => {
  const argv = ["cprctl", "machine", "--quiet", "-netdev"];
  assertEquals(withVhost(argv, new Map()), argv);
});
