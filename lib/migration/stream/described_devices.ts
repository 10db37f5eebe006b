import { problemAt } from "./error.ts";
import type { DecodedVmdesc } from "./decoded.ts";
import type { SectionHeader } from "./framing.ts";
import { type DeviceDescription, parseVmdesc } from "./vmdesc.ts";

/**
 * The devices of a vmdesc, one by one, in the same order as the sections.
 */
export class DescribedDevices {
  readonly vmdesc: DecodedVmdesc;
  #next = 0;

  /**
   * @param offset of the record's type byte
   * @param pageSize according to the rest of the stream
   * @throws {MigrationStreamError} when the text is no vmdesc, or has another
   * page size
   */
  constructor(offset: number, text: Uint8Array, pageSize: number) {
    const description = parseVmdesc(text, offset);
    if (description.pageSize !== pageSize) {
      throw problemAt(
        `vmdesc says pages of ${description.pageSize} bytes`,
        offset,
      );
    }
    this.vmdesc = { offset, text, description };
  }

  /**
   * The description of the next section.
   *
   * @param offset of its payload, for messages
   * @throws {MigrationStreamError} when the next device in vmdesc is another
   * one
   */
  next(header: SectionHeader, offset: number): DeviceDescription {
    const device = this.vmdesc.description.devices[this.#next++];
    if (device === undefined) {
      throw problemAt("vmdesc has no such section", offset);
    }
    const problem = difference(device, header);
    if (problem !== undefined) throw problemAt(problem, offset);
    return device;
  }

  /**
   * Checks at the end of the stream that every device had a section.
   *
   * @param offset after EOF
   * @throws {MigrationStreamError} when vmdesc has more, or is elsewhere
   */
  checkEnd(offset: number): void {
    const left = this.vmdesc.description.devices[this.#next];
    if (left !== undefined) {
      throw problemAt(
        `the stream ends, but vmdesc goes on with "${left.name}" instance ` +
          left.instanceId,
        offset,
      );
    }
    if (this.vmdesc.offset !== offset) {
      throw problemAt(
        `the stream ends here, and its vmdesc is at ${this.vmdesc.offset}`,
        offset,
      );
    }
  }
}

function difference(
  device: DeviceDescription,
  header: SectionHeader,
): string | undefined {
  if (device.name !== header.name || device.instanceId !== header.instanceId) {
    return `vmdesc has "${device.name}" instance ${device.instanceId} here`;
  }
  if (device.vmsd !== undefined && device.vmsd.version !== header.version) {
    return `version ${header.version}, and ${device.vmsd.version} in vmdesc`;
  }
  return undefined;
}
