import type { Sink } from "../../stream/mod.ts";
import {
  array,
  capability,
  saveState,
  text,
  u32,
  u8,
  type Value,
  varray,
  vmstate,
} from "../../vmstate/mod.ts";
import { RecordType } from "./constants.ts";

/** Only these two capabilities change the layout of the stream. */
export type LayoutCapability = "x-ignore-shared" | "mapped-ram";

const targetPageBits = vmstate(
  "configuration/target-page-bits",
  { version: 1 },
  { target_page_bits: u32() },
);

const capabilities = vmstate(
  "configuration/capabilities",
  { version: 1 },
  { caps_count: u32(), capabilities: varray(capability(), "caps_count") },
);

const uuid = vmstate(
  "configuration/uuid",
  { version: 1 },
  { "uuid.data": array(u8(), 16) },
);

/**
 * The body of the CONFIGURATION record. It has neither section id nor version
 * nor footer on the wire. Field names are those that vmdesc shows.
 */
export const configurationState = vmstate(
  "configuration",
  { version: 1, minimumVersion: 0 },
  { len: u32(), name: text("len") },
  { subsections: { targetPageBits, capabilities, uuid } },
);

/** What {@linkcode configurationState} loads to. */
export type ConfigurationBody = Value<typeof configurationState>;

/** What the CONFIGURATION record says of the sender. */
export interface Configuration {
  /** Class name of the machine, alias resolved, such as "pc-q35-11.1". */
  readonly machine: string;
  /** Layout capabilities that are on, in QEMU's order. */
  readonly capabilities?: readonly string[];
  /** 16 bytes, in textual order. */
  readonly uuid?: Uint8Array;
  /** log2 of the page size; on the wire only where the target can vary it. */
  readonly targetPageBits?: number;
}

/** The record's body of a configuration. */
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

/** Writes the record, type byte included. */
export function writeConfiguration(
  sink: Sink,
  configuration: Configuration,
): void {
  sink.u8(RecordType.CONFIGURATION);
  saveState(configurationState, configurationBody(configuration), sink);
}

/** The configuration that a record's body says. */
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
