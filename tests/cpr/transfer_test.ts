import { assert, assertEquals, assertRejects } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { UnixSocket } from "../../ffi/socket.ts";
import {
  CprRegistry,
  decodeCprState,
  encodeCprState,
  receiveCprState,
  sendCprState,
  transferredDescriptors,
} from "../../lib/cpr/mod.ts";
import { CprctlError } from "../../lib/errors.ts";
import { testWithoutLeaks as test } from "../ffi/leaks.ts";

const TIMEOUT_MS = 5000;

/** What a real QEMU sent. */
const SAMPLE = Deno.readFileSync(
  new URL("../../testing/data/cpr-transfer-q35.qcpr", import.meta.url),
);

/** A registry of memfds with the sample's names, which the stack closes. */
function sampleRegistry(stack: DisposableStack): CprRegistry {
  const state = decodeCprState(SAMPLE, transferredDescriptors(() => 0));
  const registry = new CprRegistry();
  for (const { name, id } of state.descriptors) {
    registry.save(name, id, stack.use(createMemfd(name)).number);
  }
  return registry;
}

function pair(stack: DisposableStack): [UnixSocket, UnixSocket] {
  const [left, right] = UnixSocket.pair();
  return [stack.use(left), stack.use(right)];
}

test("the pieces on the wire are those of QEMU, byte for byte", async () => {
  using stack = new DisposableStack();
  const [source, destination] = pair(stack);
  await sendCprState(source, sampleRegistry(stack), TIMEOUT_MS);
  const pieces: { bytes: Uint8Array<ArrayBuffer>; names: string[] }[] = [];
  for (;;) {
    const { bytes, descriptors } = await destination.receiveWithDescriptors(
      4096,
      TIMEOUT_MS,
    );
    if (bytes.length === 0) break;
    pieces.push({ bytes, names: descriptors.map(nameOf) });
  }
  assertEquals(
    await new Blob(pieces.map(({ bytes }) => bytes)).bytes(),
    SAMPLE,
  );
  // As recorded with recvmsg from QEMU 11.1.2.
  assertEquals(pieces.map(({ bytes }) => bytes.length), [
    ...[37, 31, 18, 32, 17, 15, 29],
  ]);
  assertEquals(pieces.map(({ names }) => names), [
    ...sampleNames().map((name) => [name]),
    [],
  ]);
});

function sampleNames(): string[] {
  return decodeCprState(SAMPLE, transferredDescriptors(() => 0))
    .descriptors.map(({ name }) => name);
}

/** The name of a memfd, which is closed. */
function nameOf(fd: Fd): string {
  using memfd = fd;
  const link = Deno.readLinkSync(`/proc/self/fd/${memfd.number}`);
  return /^\/memfd:(.*) \(deleted\)$/.exec(link)?.[1] ?? link;
}

test("every name gets its own descriptor, close-on-exec", async () => {
  using stack = new DisposableStack();
  const [source, destination] = pair(stack);
  const sent = sendCprState(source, sampleRegistry(stack), TIMEOUT_MS);
  const state = await receiveCprState(destination, TIMEOUT_MS);
  await sent;
  assertEquals(state.vfioDevices, []);
  assertEquals(state.descriptors.map(({ name }) => name), sampleNames());
  for (const { name, descriptor } of state.descriptors) {
    const fd = Fd.adopt(descriptor);
    assert(fd.cloexec);
    assertEquals(nameOf(fd), name);
  }
});

test("what is torn, too little or too much is refused, and closed", async () => {
  const one = encodeCprState(
    { descriptors: [{ name: "ram0", id: 0, descriptor: 0 }] },
    transferredDescriptors(() => 0),
  );
  const cases: [Uint8Array, number, string][] = [
    [one, 0, "no descriptor came with it"],
    [one, 2, "one descriptor too many"],
    [one.slice(0, -1), 1, "the stream ends here"],
    [one.slice(0, 4), 1, "Stream ends early"],
    [new Uint8Array([...one, 0]), 1, "1 bytes follow"],
  ];
  for (const [bytes, count, words] of cases) {
    using stack = new DisposableStack();
    const [source, destination] = pair(stack);
    const memfd = stack.use(createMemfd("ram0"));
    const descriptors = Array.from({ length: count }, () => memfd.number);
    await source.send(bytes, TIMEOUT_MS, descriptors);
    source.finish();
    const receive = () => receiveCprState(destination, TIMEOUT_MS);
    await assertRejects(receive, CprctlError, words);
  }
});

test("a source that hangs in the middle is an error in time", async () => {
  using stack = new DisposableStack();
  const [source, destination] = pair(stack);
  await source.send(SAMPLE.subarray(0, 20), TIMEOUT_MS);
  await assertRejects(
    () => receiveCprState(destination, 50),
    OsError,
    "ETIMED",
  );
});
