import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  inspect,
  InspectError,
  openInput,
  verify,
} from "../../lib/inspect/mod.ts";
import { StreamError } from "../../lib/stream/mod.ts";
import { Random } from "../../testing/random.ts";
import {
  CLUSTER,
  type ImageChanges,
  qcow2,
  type SnapshotToWrite,
} from "../../testing/streams/qcow2.ts";
import { withRam } from "../../testing/streams/streams.ts";
import { inFolder } from "./folder.ts";

const BOOT = { name: "boot", state: withRam() };

async function withImage(
  image: Uint8Array,
  work: (path: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const path = `${folder}/disk.qcow2`;
    await Deno.writeFile(path, image);
    await work(path);
  });
}

Deno.test("the VM state of the only snapshot that has one is read", () =>
  withImage(
    qcow2([{ name: "disks", state: new Uint8Array() }, BOOT]),
    async (path) => {
      for (const snapshot of [undefined, "boot", "2"]) {
        using input = await openInput(path, { snapshot });
        assertEquals(input.bytes, withRam());
        assertEquals(verify(inspect(input), input).bytes, withRam().length);
      }
    },
  ));

Deno.test("a snapshot is read wherever its clusters are", () => {
  const state = withRam();
  const entry = (offset: number, index: number) =>
    // The second and the third one change places; the fourth is not there.
    index === 1 ? offset + CLUSTER : index === 2 ? offset - CLUSTER : offset;
  const pieces = [0, 2, 1, 3, 4, 5, 6, 7, 8, 9].map((index) =>
    state.subarray(index * CLUSTER, (index + 1) * CLUSTER)
  );
  const wanted = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
  return withImage(
    qcow2([{ ...BOOT, entry }]),
    async (path) => {
      using input = await openInput(path);
      assertEquals(input.bytes, wanted);
    },
  );
});

Deno.test("clusters that are not there, or are marked so, are zeros", () => {
  const entry = (offset: number, index: number) =>
    index === 1 ? 0 : index === 2 ? offset + 1 : offset;
  const wanted = withRam();
  wanted.fill(0, CLUSTER, 3 * CLUSTER);
  return withImage(qcow2([{ ...BOOT, entry }]), async (path) => {
    using input = await openInput(path);
    assertEquals(input.bytes, wanted);
  });
});

Deno.test("the names of several snapshots are said", () =>
  withImage(
    qcow2([BOOT, { ...BOOT, name: "later" }]),
    async (path) => {
      const several = await assertRejects(() => openInput(path), InspectError);
      assertEquals(several.remedy, "Name one with --snapshot: boot, later");
      const none = await assertRejects(
        () => openInput(path, { snapshot: "x" }),
        InspectError,
        'Cannot find a snapshot "x"',
      );
      assertEquals(none.remedy, several.remedy);
      using input = await openInput(path, { snapshot: "later" });
      assertEquals(input.bytes, withRam());
    },
  ));

/** Opens an image that is refused. */
async function refuses(
  words: string,
  changes: ImageChanges,
  entry?: SnapshotToWrite["entry"],
): Promise<void> {
  const snapshot = entry === undefined ? BOOT : { ...BOOT, entry };
  await withImage(qcow2([snapshot], changes), async (path) => {
    await assertRejects(() => openInput(path), InspectError, words);
  });
}

Deno.test("an image that is not supported is named with another way", async () => {
  await refuses("version 4 is not supported", { version: 4 });
  await refuses("clusters of 9 bits", { clusterBits: 9 });
  await refuses("encryption is not supported", { encryption: 2 });
  await refuses("incompatible features 0x5", { features: 5n });
  await refuses("a compressed VM state", {}, () => 1n << 62n);
});

Deno.test("an image that is damaged has its error, and takes little", async () => {
  await refuses("4294967295 snapshots", { count: 0xffff_ffff });
  await refuses("extra data of", { count: 50_000 });
  await refuses("a VM state of 1099511627776 bytes", { stateSize: 2 ** 40 });
  await refuses("a table that does not hold", { entries: 2 });
  await refuses("a cluster at 4608", {}, () => 4608);
  await refuses("a cluster at 1073741824, after", {}, () => 2 ** 30);
  await withImage(qcow2([BOOT]).subarray(0, 90), async (path) => {
    await assertRejects(() => openInput(path), InspectError, "a table at 4");
  });
});

Deno.test("a sparse image with the largest state takes little", () =>
  withImage(
    qcow2([BOOT], { stateSize: 2 ** 37, entries: 2 ** 20 }),
    async (path) => {
      await Deno.truncate(path, 2 ** 42);
      using input = await openInput(path);
      assertEquals(input.bytes.length, 2 ** 37);
    },
  ));

Deno.test("what has no snapshots is said", async () => {
  await withImage(qcow2([]), async (path) => {
    await assertRejects(() => openInput(path), InspectError, "no snapshot in");
  });
  await withImage(withRam(), async (path) => {
    await assertRejects(
      () => openInput(path, { snapshot: "x" }),
      InspectError,
      "it is not a qcow2 image",
    );
  });
});

Deno.test("whatever is broken in an image, it is opened or refused", () =>
  inFolder(async (folder) => {
    const path = `${folder}/disk.qcow2`;
    const image = qcow2([BOOT, { ...BOOT, name: "later" }]);
    const random = new Random(7);
    const outcomes = { opened: 0, refused: 0 };
    for (let run = 0; run < 1000; run++) {
      const broken = image.slice();
      // The header, the table of snapshots, and the entries of L1 and L2.
      for (let left = 1 + random.below(3); left > 0; left--) {
        const start = random.one([8, CLUSTER, image.length - 2 * CLUSTER]);
        broken[start + random.below(96)] = random.below(256);
      }
      await Deno.writeFile(path, broken);
      try {
        using input = await openInput(path, { snapshot: "boot" });
        inspect(input);
        outcomes.opened++;
      } catch (error) {
        const isTyped = error instanceof InspectError ||
          error instanceof StreamError;
        if (!isTyped) throw error;
        outcomes.refused++;
      }
    }
    assert(outcomes.opened > 50 && outcomes.refused > 50);
  }));
