/** Streams as other senders write them, put together by hand. */

import { qemuJson } from "../../lib/migration/stream/mod.ts";
import { Sink } from "../../lib/stream/mod.ts";

/** The bytes that `write` writes. */
export function bytes(write: (sink: Sink) => void): Uint8Array {
  const sink = new Sink();
  write(sink);
  return sink.toBytes();
}

/** Bytes of pieces one after the other. */
export function joined(...parts: readonly (Uint8Array | number[])[]) {
  const whole = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const HEADER = bytes((sink) => {
  sink.text("QEVM");
  sink.u32(3);
});

export const EOF = [0];

/** A CONFIGURATION record with layout capabilities. */
export function configuration(...capabilities: string[]): Uint8Array {
  return bytes((sink) => {
    sink.u8(7);
    sink.u32(2);
    sink.text("pc");
    if (capabilities.length === 0) return;
    sink.u8(5);
    sink.countedString("configuration/capabilities");
    sink.u32(1);
    sink.u32(capabilities.length);
    for (const name of capabilities) sink.countedString(name);
  });
}

export function footer(sectionId: number): Uint8Array {
  return bytes((sink) => {
    sink.u8(0x7e);
    sink.u32(sectionId);
  });
}

/** A START or FULL section without its footer. */
export function section(
  type: 1 | 4,
  sectionId: number,
  idstr: string,
  version: number,
  payload: Uint8Array | number[],
): Uint8Array {
  return bytes((sink) => {
    sink.u8(type);
    sink.u32(sectionId);
    sink.countedString(idstr);
    sink.u32(0);
    sink.u32(version);
    sink.bytes(Uint8Array.from(payload));
  });
}

/** A whole section of RAM: the START one with its list, or a PART. */
export function ramStart(payload: Uint8Array | number[]): Uint8Array {
  return joined(section(1, 1, "ram", 4, payload), footer(1));
}

export function ramPart(payload: Uint8Array | number[]): Uint8Array {
  return joined([2, 0, 0, 0, 1], payload, footer(1));
}

export function word(value: number): Uint8Array {
  return bytes((sink) => sink.size64(value));
}

export const EOS = word(0x10);

/** A block list of one block. */
export function oneBlock(name: string, usedLength: number): Uint8Array {
  return bytes((sink) => {
    sink.size64(usedLength + 4);
    sink.countedString(name);
    sink.size64(usedLength);
  });
}

/** A vmdesc record. */
export function vmdesc(...devices: Record<string, unknown>[]): Uint8Array {
  return vmdescText(qemuJson({ page_size: 4096, devices }));
}

export function vmdescText(text: string): Uint8Array {
  const encoded = new TextEncoder().encode(text);
  return bytes((sink) => {
    sink.u8(6);
    sink.u32(encoded.length);
    sink.bytes(encoded);
  });
}

/** One device "dev" of version 1 with these fields of vmdesc. */
export function device(
  fields: readonly Record<string, unknown>[],
  subsections?: readonly Record<string, unknown>[],
): Record<string, unknown> {
  return {
    name: "dev",
    instance_id: 0,
    ...vmsd("dev", fields),
    ...subsections === undefined ? {} : { subsections },
  };
}

export function vmsd(
  name: string,
  fields: readonly Record<string, unknown>[],
): Record<string, unknown> {
  return { vmsd_name: name, version: 1, fields };
}

/** A stream with the one device "dev". */
export function deviceStream(
  payload: Uint8Array | number[],
  description: Record<string, unknown>,
): Uint8Array {
  return joined(
    HEADER,
    configuration(),
    section(4, 7, "dev", 1, payload),
    footer(7),
    EOF,
    vmdesc(description),
  );
}
