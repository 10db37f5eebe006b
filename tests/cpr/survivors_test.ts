import { assertEquals, assertThrows } from "@std/assert";
import { duplicate, Fd } from "../../ffi/fd.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { O_CREAT, O_EXCL, O_RDWR } from "../../ffi/open_flags.ts";
import { Waker } from "../../ffi/poll.ts";
import { CprError, decodeCprState } from "../../lib/cpr/mod.ts";
import { lookAtSurvivors } from "../../lib/cpr/survivors.ts";
import { withoutLeaks } from "../ffi/leaks.ts";

const PAGE = 4096;
const BACKEND = ["-object", "memory-backend-memfd,id=ram0,size=4K"];

/** Memfds as QEMU makes them for the entries of a table that it wrote. */
function made(
  sample: string,
  resources: DisposableStack,
): { name: string; id: number; descriptor: number }[] {
  const url = new URL(`../../testing/data/${sample}`, import.meta.url);
  return decodeCprState(Deno.readFileSync(url)).descriptors.map(
    ({ name, id }) => {
      const title = name === "ram0" ? "memory-backend-memfd" : name;
      const memfd = createMemfd(title, { size: PAGE, cloexec: false });
      return { name, id, descriptor: resources.use(memfd).number };
    },
  );
}

for (const sample of ["cpr-exec-q35-plain.qcpr", "cpr-exec-pc-rich.qcpr"]) {
  Deno.test(`what QEMU hands over raises no doubt: ${sample}`, () =>
    withoutLeaks(() => {
      using resources = new DisposableStack();
      const descriptors = made(sample, resources);
      assertEquals(lookAtSurvivors({ descriptors }, BACKEND), {
        descriptors: descriptors.length,
        blocks: descriptors.length,
        bytes: descriptors.length * PAGE,
        doubts: [],
      });
    }));
}

Deno.test("nor does a shared memory file, nor what vfio has besides", () =>
  withoutLeaks(() => {
    const path = `/dev/shm/qemu-${Deno.pid}-shm-0`;
    using memory = Fd.open(path, O_RDWR | O_CREAT | O_EXCL);
    Deno.removeSync(path);
    memory.truncate(PAGE);
    memory.setCloexec(false);
    using waker = new Waker();
    using eventfd = duplicate(waker.number, { cloexec: false });
    const descriptors = [
      { name: "shm0", id: 0, descriptor: memory.number },
      { name: "gpu_req", id: 0, descriptor: eventfd.number },
    ];
    assertEquals(lookAtSurvivors({ descriptors }, []), {
      descriptors: 2,
      blocks: 1,
      bytes: PAGE,
      doubts: [],
    });
  }));

/** Commands in which "ram0" is a memory backend, and others. */
const COMMANDS: readonly [words: string[], isRam: boolean][] = [
  [BACKEND, true],
  [["-object", "memory-backend-ram,size=4K,id=ram0"], true],
  [["-object", '{"qom-type":"memory-backend-shm","id":"ram0"}'], true],
  [["-object", '{"qom-type": "memory-backend-shm", "id": "ram0"}'], true],
  [["sh", "-c", "exec qemu -object memory-backend-shm,id=ram0 -S"], true],
  [["-object", "memory-backend-ram,id=ram00"], false],
  [["-object", "memory-backend-ram,id=x -netdev user,id=ram0"], false],
  [["-netdev", "user,id=ram0"], false],
  [[], false],
];

for (const [words, isRam] of COMMANDS) {
  Deno.test(`a file that is not memory is ${isRam ? "refused" : "let pass"} as ram0: ${words.join(" ")}`, () =>
    withoutLeaks(() => {
      using waker = new Waker();
      using eventfd = duplicate(waker.number, { cloexec: false });
      const { number: descriptor } = eventfd;
      const look = () =>
        lookAtSurvivors(
          { descriptors: [{ name: "ram0", id: 0, descriptor }] },
          words,
        );
      if (isRam) assertThrows(look, CprError, "not memory");
      else assertEquals(look().doubts, []);
    }));
}

Deno.test("what exec would close is refused", () =>
  withoutLeaks(() => {
    using memfd = createMemfd("ram0", { size: PAGE });
    const descriptors = [{ name: "ram0", id: 0, descriptor: memfd.number }];
    assertThrows(
      () => lookAtSurvivors({ descriptors }, []),
      CprError,
      `Descriptor ${memfd.number} cannot be "ram0": it is close-on-exec`,
    );
  }));

Deno.test("RAM with an id is doubted, and a name stays in its line", () =>
  withoutLeaks(() => {
    const name = "a\nb";
    using memfd = createMemfd(name, { size: PAGE, cloexec: false });
    const { number: descriptor } = memfd;
    assertEquals(
      lookAtSurvivors({ descriptors: [{ name, id: 7, descriptor }] }, [])
        .doubts,
      [`descriptor ${descriptor} of "a\\nb" has id 7, but RAM has id 0`],
    );
  }));
