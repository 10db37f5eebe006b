import type { Source } from "../../stream/mod.ts";
import type { VmState } from "../../vmstate/mod.ts";
import { configurationState } from "./configuration.ts";
import { RecordType } from "./constants.ts";
import { MigrationStreamError } from "./error.ts";
import type { SectionHeader } from "./framing.ts";
import { hex } from "./hex.ts";
import { PLAIN_RAM_LAYOUT } from "./ram_block.ts";
import {
  bodySize,
  type DeviceDescription,
  parseVmdesc,
  type Vmdesc,
  type VmsdDescription,
} from "./vmdesc.ts";

/** A device section that was loaded, to hold the description against. */
export interface LoadedSection {
  readonly header: SectionHeader;
  readonly state: VmState<object>;
  /** Payload bytes. */
  readonly size: number;
}

/**
 * Reads the description at the end of a stream and checks that it describes
 * what was loaded: the same sections in the same order, with the same
 * versions, field names and sizes; and that nothing follows it.
 *
 * @throws {MigrationStreamError} when it is missing or describes something
 * else
 */
export function checkVmdesc(
  source: Source,
  configurationSize: number,
  loaded: readonly LoadedSection[],
): void {
  const at = source.offset;
  const type = source.u8();
  if (type !== RecordType.VMDESCRIPTION) {
    throw new MigrationStreamError(
      `record ${hex(type)} in place of the description`,
      { offset: at },
    );
  }
  const text = source.bytes(source.u32());
  if (source.remaining > 0) {
    throw new MigrationStreamError(
      `${source.remaining} bytes follow the description`,
      { offset: source.offset },
    );
  }
  const problem = difference(
    parseVmdesc(text, at + 5),
    configurationSize,
    loaded,
  );
  if (problem !== undefined) {
    throw new MigrationStreamError(
      `the description does not fit the stream: ${problem}`,
      { offset: at },
    );
  }
}

function difference(
  vmdesc: Vmdesc,
  configurationSize: number,
  loaded: readonly LoadedSection[],
): string | undefined {
  const { configuration, pageSize, devices } = vmdesc;
  if (pageSize !== PLAIN_RAM_LAYOUT.pageSize) return `page size ${pageSize}`;
  if (configuration === undefined) return "it has no configuration";
  const inConfiguration = vmsdDifference(configuration, configurationState) ??
    sizeDifference(bodySize(configuration), configurationSize);
  if (inConfiguration !== undefined) {
    return `configuration: ${inConfiguration}`;
  }
  if (devices.length !== loaded.length) {
    return `it has ${devices.length} sections, the stream ${loaded.length}`;
  }
  for (const [index, section] of loaded.entries()) {
    const problem = sectionDifference(devices[index], section);
    if (problem !== undefined) {
      const { idstr, instanceId } = section.header;
      return `section "${idstr}" instance ${instanceId}: ${problem}`;
    }
  }
  return undefined;
}

function sectionDifference(
  device: DeviceDescription | undefined,
  { header, state, size }: LoadedSection,
): string | undefined {
  if (device?.vmsd === undefined) return "it is not described";
  if (device.name !== header.idstr || device.instanceId !== header.instanceId) {
    return `"${device.name}" instance ${device.instanceId} stands in its place`;
  }
  if (device.vmsd.version !== header.version) {
    return `version ${device.vmsd.version}, not ${header.version}`;
  }
  return vmsdDifference(device.vmsd, state) ??
    sizeDifference(device.size, size);
}

/** Sizes cover what is inside of nested structs; names are the top level's. */
function vmsdDifference(
  vmsd: VmsdDescription,
  state: VmState<object>,
): string | undefined {
  if (vmsd.name !== state.name) return `it is named "${vmsd.name}"`;
  const names = state.fields.map(({ name }) => name);
  let next = 0;
  for (const { name } of vmsd.fields) {
    const found = names.indexOf(name, next);
    if (found < 0) return `field "${name}" has no place there`;
    next = found;
  }
  for (const sub of vmsd.subsections) {
    const known = state.subsections.find(({ state }) =>
      state.name === sub.name
    );
    if (known === undefined) return `subsection "${sub.name}" is not known`;
    const problem = vmsdDifference(sub, known.state);
    if (problem !== undefined) return `subsection "${sub.name}": ${problem}`;
  }
  return undefined;
}

function sizeDifference(said: number, real: number): string | undefined {
  return said === real ? undefined : `${said} bytes, not ${real}`;
}
