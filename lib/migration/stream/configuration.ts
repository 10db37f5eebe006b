import type { Sink } from "../../stream/mod.ts";
import {
  array,
  capability,
  saveState,
  text,
  u32,
  u8,
  validate,
  type Value,
  varray,
  vmstate,
} from "../../vmstate/mod.ts";
import { RecordType } from "./framing.ts";

const targetPageBits = vmstate(
  "configuration/target-page-bits",
  { version: 1 },
  { target_page_bits: u32() },
);

/** As of every other name in a stream, whose length is a byte. */
const LONGEST_NAME = 255;
/** QEMU has some dozens. */
const MOST_CAPABILITIES = 255;

const capabilities = vmstate(
  "configuration/capabilities",
  { version: 1 },
  {
    caps_count: u32(),
    count: validate(
      `at most ${MOST_CAPABILITIES} capabilities`,
      ({ caps_count }) => Number(caps_count) <= MOST_CAPABILITIES,
    ),
    capabilities: varray(capability(), "caps_count"),
  },
);

const uuid = vmstate(
  "configuration/uuid",
  { version: 1 },
  { "uuid.data": array(u8(), 16) },
);

/**
 * The body of the CONFIGURATION record. On the wire it has no section id,
 * version or footer. Field names are those in vmdesc.
 */
export const configurationState = vmstate(
  "configuration",
  { version: 1, minimumVersion: 0 },
  {
    len: u32(),
    nameLength: validate(
      `machine name of at most ${LONGEST_NAME} bytes`,
      ({ len }) => Number(len) <= LONGEST_NAME,
    ),
    name: text("len"),
  },
  { subsections: { targetPageBits, capabilities, uuid } },
);

/** The value of {@linkcode configurationState}. */
export type ConfigurationBody = Value<typeof configurationState>;

/** The contents of the CONFIGURATION record. */
export interface Configuration {
  /** Machine type without alias, such as "pc-q35-11.1". */
  readonly machine: string;
  /** The layout capabilities that are on, in QEMU's order. */
  readonly capabilities?: readonly string[];
  /** 16 bytes, in the order of the text. */
  readonly uuid?: Uint8Array;
  /** log2 of the page size; sent only by targets with variable page size. */
  readonly targetPageBits?: number;
}

/** The body of the record. */
export function configurationBody(
  configuration: Configuration,
): ConfigurationBody {
  const { machine, capabilities = [], uuid, targetPageBits } = configuration;
  return {
    len: new TextEncoder().encode(machine).length,
    name: machine,
    ...targetPageBits === undefined
      ? {}
      : { targetPageBits: { target_page_bits: targetPageBits } },
    ...capabilities.length === 0 ? {} : {
      capabilities: {
        caps_count: capabilities.length,
        capabilities: [...capabilities],
      },
    },
    ...uuid === undefined ? {} : { uuid: { "uuid.data": [...uuid] } },
  };
}

/** Writes the record with its type byte. */
export function writeConfiguration(
  sink: Sink,
  configuration: Configuration,
): void {
  sink.u8(RecordType.CONFIGURATION);
  saveState(configurationState, configurationBody(configuration), sink);
}

/** The configuration in the body of a record. */
export function configurationOf(body: ConfigurationBody): Configuration {
  return {
    machine: body.name,
    capabilities: body.capabilities?.capabilities ?? [],
    ...body.uuid === undefined
      ? {}
      : { uuid: Uint8Array.from(body.uuid["uuid.data"]) },
    ...body.targetPageBits === undefined
      ? {}
      : { targetPageBits: body.targetPageBits.target_page_bits },
  };
}

/** The 16 bytes of a UUID, in the order of its text. */
export function uuidBytes(uuid: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(uuid.replaceAll("-", ""));
}

/** Formats 16 bytes as a UUID. */
export function uuidText(uuid: Uint8Array): string {
  return uuid.toHex().replace(
    /^(.{8})(.{4})(.{4})(.{4})(.{12})$/,
    "$1-$2-$3-$4-$5",
  );
}
