import { assert, assertEquals, assertThrows } from "@std/assert";
import { inspect, InspectError, verify } from "../../lib/inspect/mod.ts";
import { MigrationStreamError } from "../../lib/migration/stream/mod.ts";
import { data, STREAMS } from "../../testing/data/data.ts";
import {
  everyType,
  inputOf,
  postcopy,
  withOpaque,
  withRam,
} from "../../testing/streams/streams.ts";

function verdict(bytes: Uint8Array) {
  const input = inputOf(bytes);
  return verify(inspect(input), input);
}

Deno.test("what was decoded encodes to the same bytes", async () => {
  for (const bytes of [everyType(), withRam()]) {
    assertEquals(verdict(bytes), {
      bytes: bytes.length,
      notUnderstood: 0,
      places: [],
    });
  }
  for (const name of [...STREAMS, "cpr-transfer-q35.qcpr"]) {
    const bytes = await data(name);
    assertEquals(verdict(bytes).bytes, bytes.length, name);
  }
});

Deno.test("bytes that nothing describes are counted", async () => {
  const rich = await data("cpr-exec-pc-rich.vm.state");
  const { notUnderstood, places } = verdict(rich);
  const slirp = 3 * 131;
  const scsiRequests = 2;
  assertEquals(notUnderstood, slirp + scsiRequests);
  assertEquals(places.map(({ section, bytes }) => `${section} ${bytes}`), [
    ...["slirp 131", "slirp 131", "slirp 131"],
    ...["0000:00:04.0/0:0:0/scsi-disk 1", "0000:00:0b.0/3/0:0:0/scsi-disk 1"],
  ]);
  const [opaque] = verdict(withOpaque()).places;
  assertEquals(opaque, { section: "dirty-bitmap", instance: 0, bytes: 9 });
  assertEquals(verdict(withOpaque()).notUnderstood, 5 + 3 + 1);
});

Deno.test("of a package's sections the payload alone is not understood", () => {
  const payload = 1;
  const { bytes, notUnderstood } = verdict(postcopy());
  assertEquals([bytes, notUnderstood], [postcopy().length, payload]);
});

Deno.test("a byte that is not encoded as it was is found", () => {
  const bytes = everyType();
  const inspection = inspect(inputOf(bytes));
  for (const at of [33, bytes.length - 1]) {
    const other = bytes.slice();
    other[at] = (other[at] ?? 0) ^ 1;
    assertThrows(
      () => verify(inspection, inputOf(other)),
      InspectError,
      `byte ${at} `,
    );
  }
  for (const other of [bytes.subarray(0, -1), Uint8Array.of(...bytes, 0)]) {
    assertThrows(() => verify(inspection, inputOf(other)), InspectError);
  }
});

Deno.test("a stream that cannot be read to its end is not verified", () => {
  const broken = withRam();
  broken[broken.lastIndexOf(0x7e)] = 0;
  const error = assertThrows(() => verdict(broken), MigrationStreamError);
  assert(error.location.section === "dev");
});
